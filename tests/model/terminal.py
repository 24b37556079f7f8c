"""A person's terminal: the program kept warm, their own git, and a clock that may be set off."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness import Repo, Said, hermetic

_WARM = Path(__file__).with_name("warm.py")


class Warm:
    """One process that answers calls; see `warm`."""

    def __init__(self, folder: Path) -> None:
        self._answers = folder / "answers"
        self._answers.mkdir()
        # The children's git inherits no descriptor of ours, so the pipes end with this object.
        self._process = subprocess.Popen(
            [sys.executable, str(_WARM)],
            env=hermetic(folder / "home"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, argv: tuple[str, ...], repo: "Terminal", timeout: float, stop: tuple[int, float]) -> Said:
        """Run the program once in `repo`; `stop` is a signal (0: none) and the seconds after which it is sent."""
        out, err = self._answers / "out", self._answers / "err"
        facts = {"argv": argv, "cwd": str(repo.root), "env": repo.env, "skew": repo.skew, "timeout": timeout}
        facts |= {"out": str(out), "err": str(err), "signal": stop[0], "after": stop[1]}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(facts) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Said(code, out.read_text(errors="replace"), err.read_text(errors="replace"))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@dataclass
class Terminal(Repo):
    """One user's repository, where the program starts at once. `skew` is how far the clock is off, in seconds."""

    warm: Warm | None = None
    skew: float = 0.0

    def run(
        self,
        *argv: str,
        code: int | None = 0,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        stop: tuple[int, float] = (0, 0.0),
    ) -> Said:
        """Run `orchestrator` by way of the warm process."""
        assert self.warm
        assert not env, "the environment is the repository's own"
        said = self.warm.call(argv, self, timeout, stop)
        assert code is None or said.code == code, f"exit {said.code}, not {code}\n{said.out}\n{said.err}"
        return said

    def tries(self, *argv: str) -> bool:
        """Run a person's git at the shifted time; False when git refuses."""
        moment = (datetime.now(UTC) + timedelta(seconds=self.skew)).strftime("%s +0000")
        env = {**self.env, "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment, "GIT_EDITOR": "true"}
        done = subprocess.run(["git", *argv], cwd=self.root, env=env, capture_output=True, text=True, check=False)
        return done.returncode == 0
