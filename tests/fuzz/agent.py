"""An agent that leaves the worst names and says the worst words: `python -m fuzz.agent SEED/ROUND`, as a command agent."""

import os
import sys
from pathlib import Path

from fuzz import names, words

_COUNT = 12


def main(seed: int, number: int) -> None:
    """Leave files in the task's folder, of names that may land for two tasks in three; and words, mostly as a result."""
    place = Path(os.environ["ORCHESTRATOR_TASK"])
    task = number * 100 + int(place.name.removeprefix("t"))
    listed = names.names(seed, task, _COUNT)
    names.left(place, [name for name in listed if name.isprintable()] if task % 3 else listed)
    said = words.texts(seed, task, 1)[0].replace("\0", "")
    if task % 4:
        said = f"## Result: x\n\n**Status**: Complete\n**Decisions**: {said}\n"
    Path(os.environ["ORCHESTRATOR_RESULT"]).write_bytes(said.encode("utf-8", "replace"))
    sys.stdout.buffer.write(said.encode("utf-8", "replace"))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1].split("/")))
