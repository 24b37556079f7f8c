"""Documents bred by atheris: what takes a parser to code it has not been in before is kept, and bred from.

Run by `python -m fuzz breed PARSER`, in a process that atheris ends by itself.
"""

import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def breed(parser: str, folder: Path, seconds: int, options: Sequence[str] = ()) -> None:
    """Breed documents for that long, and end the process; with a failure where one breaks a promise.

    Raises:
        ModuleNotFoundError: atheris is not installed.
        ValueError: there is no such parser, or the program was imported before: its branches could not be seen.
    """
    if "orchestrator" in sys.modules:
        raise ValueError("the program is imported already: atheris would not see into it")
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["orchestrator"]):
        campaign = importlib.import_module("fuzz.campaign")
        parsers = importlib.import_module("fuzz.parsers")
    known = parsers.parsers(Path(tempfile.mkdtemp()))
    if parser not in known:
        raise ValueError(f"{parser} is none of: {', '.join(known)}")
    target = known[parser]
    _plant(target, folder)

    def one(data: bytes) -> None:
        wrong = campaign.fault(target, data)
        if wrong:
            raise AssertionError(wrong)

    limits = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=10",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
    ]
    words = [f"-dict={folder / 'words'}", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *limits, *words, *options, str(folder / "corpus")], one)
    atheris.Fuzz()


def _plant(target: Any, folder: Path) -> None:
    """Write what is bred from: the seeds, some documents of the generator's, and its words."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.generator.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    for number in range(200):
        (corpus / f"grown-{number}").write_bytes(target.generator.document(1, number))
    words = (word.encode() for word in target.generator.words)
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in words if len(word) < 60)
    (folder / "words").write_text("".join(f'"{line}"\n' for line in lines))
