"""Replacements: `refs/replace/*`, by which a person's git shows one object as another. Ours goes by none of them."""

from dataclasses import dataclass, field

from orchestrator.repo import undo
from orchestrator.repo.git import Git
from orchestrator.repo.locate import Place
from orchestrator.repo.refs import loose, packed

_ROOT = "refs/replace"


@dataclass
class Replacements:
    """The replacements of one repository, as a person has them.

    Args:
        git: the leader's git.
        place: the repository.
    """

    git: Git
    place: Place
    _known: dict[str, str] = field(default_factory=dict)  # ref to object
    _looked: tuple[object, ...] | None = None  # how the refs lie on the disk if they are in order

    def start(self) -> None:
        """Take those that are there for the person's own."""
        self._looked, self._known = self._look(), self._now()

    def put_back(self) -> dict[str, str]:
        """Make them what they were again; return the refs that said something else, and why that matters."""
        looked = self._look()
        if looked and looked == self._looked:
            return {}
        now = self._now()
        names = sorted(name for name in now.keys() | self._known.keys() if now.get(name) != self._known.get(name))
        refs = {name: (now.get(name, ""), self._known.get(name, "")) for name in names}
        undo.put_back(self.git, self.place.git_dir, refs, "replacement")
        self._looked = None if refs else looked
        return dict.fromkeys(refs, "git would show one object as another")

    def _look(self) -> tuple[object, ...] | None:
        git_dir = self.place.git_dir
        return None if (git_dir / "reftable").exists() else (packed(git_dir), loose(git_dir, _ROOT))

    def _now(self) -> dict[str, str]:
        """Return what is there; git is asked only where there may be something."""
        if not self._has_any():
            return {}
        said = self.git.run("for-each-ref", "--format=%(refname)%00%(objectname)", f"{_ROOT}/")
        return dict(line.split("\0", 1) for line in said.decode("utf-8", "surrogateescape").split("\n") if line)

    def _has_any(self) -> bool:
        git_dir = self.place.git_dir
        if (git_dir / "reftable").exists() or loose(git_dir, _ROOT):
            return True
        file = git_dir / "packed-refs"
        return file.is_file() and f" {_ROOT}/".encode() in file.read_bytes()
