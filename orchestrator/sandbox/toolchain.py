"""Which of the user's own programs stay usable, read-only, although their home is empty inside.

The rule, for what the sandbox would hide:

1. A folder on PATH is readable. What a tool's own variable names (VIRTUAL_ENV, CARGO_HOME, ...) is, too.
2. So is the prefix around a folder called `bin`, `sbin` or `shims`, where it is a toolchain's: below a dot folder of
   the home (`~/.pyenv`, `~/.nvm/versions/node/v22`), or with `lib`, `libexec`, `pyvenv.cfg` or `conda-meta` in it. Of
   `~/.local`, which holds much else, only `bin` and `lib` are.
3. A symlink in such a folder is followed, step by step, and rules 1 and 2 hold for where it leads: so a virtual
   environment finds its Python. Where it leads to a folder that is no `bin`, the one file is readable.
4. Never: the home itself or what is above it, `~/.ssh`, `~/.config` and the others in `_NEVER`. Files that hold keys by
   their name, such as `~/.cargo/credentials.toml`, are blank.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.sandbox.environ import TOOL_VARIABLES, folders

_BINARIES = {"bin", "sbin", "shims"}
_PREFIX_MARKS = ("lib", "lib64", "libexec", "pyvenv.cfg", "conda-meta")
_COMPANIONS = {".cargo": ".rustup"}  # cargo is a proxy that looks for its toolchains beside its own folder
_NEVER = {
    ".anthropic",
    ".aws",
    ".azure",
    ".claude",
    ".codex",
    ".config",
    ".docker",
    ".gemini",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".mozilla",
    ".netrc",
    ".npmrc",
    ".password-store",
    ".pki",
    ".pypirc",
    ".ssh",
    ".thunderbird",
}
_KEY_FILES = (
    ".credentials.json",
    ".env",
    ".git-credentials",
    ".netrc",
    ".npmrc",
    ".pypirc",
    "auth.json",
    "credentials",
    "credentials.json",
    "credentials.toml",
)
_LINKS = 40  # as many as the system itself follows


@dataclass
class _Search:
    home: Path
    hidden: Sequence[Path]
    found: dict[Path, None] = field(default_factory=dict)
    _seen: set[Path] = field(default_factory=set)

    def folder(self, path: Path) -> None:
        """Take in a folder of programs, under the name it was given and under its real one."""
        for form in dict.fromkeys((path, real(path))):
            if form in self._seen or not stat.S_ISDIR(mode(form, follow=True)):
                continue
            self._seen.add(form)
            for root in _prefix(form, self.home, self.hidden):
                self.add(root)
            for entry in _links(form):
                self._follow(entry)

    def add(self, path: Path) -> None:
        """Take in a path, under both names, where it may be read and is hidden."""
        forms = dict.fromkeys((path, real(path)))
        if not all(self._may_be_read(form) for form in forms):
            return
        for form in forms:
            if beneath(form, self.hidden) and not beneath(form, self.found):
                self.found[form] = None

    def _may_be_read(self, path: Path) -> bool:
        if _holds(path, (self.home, *self.hidden)) or not os.access(path, os.R_OK):
            return False
        return not path.is_relative_to(self.home) or path.relative_to(self.home).parts[0] not in _NEVER

    def _follow(self, link: Path) -> None:
        for _ in range(_LINKS):
            if not stat.S_ISLNK(mode(link)):
                return
            link = Path(os.path.normpath(link.parent / link.readlink()))
            if link in self._seen or not beneath(link, self.hidden):
                continue
            self._seen.add(link)
            if link.parent.name in _BINARIES:
                self.folder(link.parent)
            else:
                self.add(link)


def toolchain(env: Mapping[str, str], home: Path, hidden: Sequence[Path], readable: Iterable[Path] = ()) -> list[Path]:
    """Return what must be bound read-only although it is below a hidden folder.

    Args:
        env: the confined command's environment.
        home: the user's home, by its real name.
        hidden: the folders that are empty inside, by their real names.
        readable: what a person asked for besides; a virtual environment in it finds its Python.
    """
    search = _Search(home, hidden)
    named = [Path(env[name]) for name in TOOL_VARIABLES if env.get(name, "").startswith("/")]
    for path in (*readable, *named):
        search.add(path)
        search.folder(path / "bin")
    for folder in folders(env):
        search.folder(Path(os.path.normpath(folder)))
    for path in [*search.found]:
        companion = path.parent / _COMPANIONS.get(path.name, "")
        if companion != path.parent:
            search.add(companion)
    return _outermost(search.found)


def key_files(roots: Iterable[Path]) -> Iterator[Path]:
    """Return the files right below `roots` whose names say that they hold keys."""
    for root in roots:
        for name in _KEY_FILES:
            path = root / name
            if stat.S_ISREG(mode(path)):
                yield path


def beneath(path: Path, roots: Iterable[Path]) -> bool:
    """Whether `path` is one of `roots`, or below one."""
    # As text: asked for each link on PATH, and pathlib would take 100 ms.
    return f"{path}/".startswith(tuple(f"{root}/" for root in roots))


def real(path: Path) -> Path:
    """Return `path` without symlinks; where that cannot be found out, as far as it can."""
    return Path(os.path.realpath(path))


def mode(path: Path, *, follow: bool = False) -> int:
    """Return what a path is, 0 where nothing is or nothing may be known."""
    try:
        return path.stat(follow_symlinks=follow).st_mode
    except OSError:
        return 0


def _holds(path: Path, places: Iterable[Path]) -> bool:
    return any(place.is_relative_to(path) for place in places)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    kept: list[Path] = []
    for path in sorted(paths, key=lambda path: len(path.parts)):
        if not beneath(path, kept):
            kept.append(path)
    return kept


def _prefix(folder: Path, home: Path, hidden: Sequence[Path]) -> list[Path]:
    around = folder.parent
    if folder.name == ".bin" and around.name == "node_modules":
        return [around]
    if folder.name not in _BINARIES or _holds(around, (home, *hidden)):
        return [folder]
    if around == home / ".local":
        return [folder, *(around / name for name in ("lib", "lib64"))]
    dotted = around.is_relative_to(home) and around.relative_to(home).parts[0].startswith(".")
    return [around] if dotted or any(mode(around / mark) for mark in _PREFIX_MARKS) else [folder]


def _links(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_symlink()]
    except OSError:
        return []
