"""What in one git directory makes git run something, or read something else than it seems to: how it was, and again is.

Nothing is read that looks as it did: whoever writes to a file, or puts another in its place, cannot set its ctime back.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from orchestrator.plaintext import one_line
from orchestrator.repo.git import Git, split_records
from orchestrator.repo.harmless import of_a_new_one, risky

_HOOKS = "hooks"
_COMMON = "commondir"  # where git finds all but HEAD and the index: its configuration and hooks, too
_FILES = ("info/attributes", "info/grafts", _COMMON)
_OF_WORKTREE = "config.worktree"
_CONFIGURATION = ("config", _OF_WORKTREE)
_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
_NAMES = ("user.", "author.", "committer.")
_NAME = 50  # characters, of up to four bytes each: a file's name may have 255 of those

Look = tuple[int, ...]  # what is another once a file is; nothing where there is none
_NONE: Look = ()
_SIZE = 1


@dataclass(frozen=True)
class _File:
    """A file as it was: its mode, its bytes (of a link: where it leads), and its look."""

    mode: int
    data: bytes
    look: Look = _NONE

    def resembles(self, other: "_File") -> bool:
        """Whether git would do the same with both."""
        return _kind(self.mode) == _kind(other.mode) and self.data == other.data


@dataclass
class Watch:
    """Watches one git directory.

    Args:
        git: the leader's git.
        folder: the git directory.
        name: how people call it.
        root: the checkout, which holds the submodules'.
        quarantine: where a planted file is kept, for a person to look at.
        told: what was left as it is, and a person should hear of.
    """

    git: Git
    folder: Path
    name: str
    root: Path
    quarantine: Path
    clock: Callable[[], float]
    told: list[str] = field(default_factory=list)
    _new: bool = False  # whether git made it since the start
    _files: dict[str, _File] = field(default_factory=dict)
    _settings: dict[str, _File] = field(default_factory=dict)  # the configuration's files as they were last in order

    def start(self) -> None:
        """Take how things are now for how they should be."""
        self._files = self._read(self._names())
        self._settings = self._read(_CONFIGURATION)

    def start_new(self, main: "Watch") -> None:
        """Take it for one that git has just made in the repository of `main`."""
        self._new = True
        if self.is_worktree:
            self._files = {_COMMON: _File(stat.S_IFREG | 0o644, b"../..\n")}
            self._settings = main.copied()

    def copied(self) -> dict[str, _File]:
        """Return the files of which git puts a copy into each new worktree."""
        return {name: replace(self._settings[name], look=_NONE) for name in {_OF_WORKTREE} & self._settings.keys()}

    @cached_property
    def is_worktree(self) -> bool:
        """Whether it is no more than a linked worktree's part of one."""
        return self.folder.parent.name == "worktrees"

    @property
    def is_there(self) -> bool:
        """Whether git would take it for one."""
        return os.path.lexists(self.folder / "HEAD")

    def _read(self, names: Collection[str]) -> dict[str, _File]:
        found = {name: _read(self.folder / name, follow=name in _CONFIGURATION) for name in names}
        return {name: file for name, file in found.items() if file}

    def restore(self) -> Iterator[tuple[str, str]]:
        """Put back what was changed; yield each path with what is held against it."""
        if not self.is_worktree:
            yield from self._restore_files([_HOOKS])
        yield from self._restore_files(sorted({*self._names(), *self._files} - {_HOOKS}))
        for name in _CONFIGURATION:
            for why in self._restore_settings(name):
                yield self._said(name), why

    def _said(self, name: str) -> str:
        return f"{self.name}/{name}"

    def _names(self) -> list[str]:
        """Return the hooks that would run, and the other files that git believes; a linked folder by itself."""
        if self.is_worktree:
            return [_COMMON]  # the others it has in common with the repository
        hooks = self.folder / _HOOKS
        if hooks.is_symlink():
            return [_HOOKS, *_FILES]
        found = hooks.iterdir() if hooks.is_dir() else ()
        return [*(f"{_HOOKS}/{hook.name}" for hook in found if hook.suffix != ".sample"), *_FILES]

    def _restore_files(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        for name in names:
            if self._is_changed(name):
                yield self._said(name), "changed in the shared git directory"
                self._put_back(name)

    def _is_changed(self, name: str) -> bool:
        """Whether a file is another than it was; what looks the same, or has another size, is not read."""
        path, before = self.folder / name, self._files.get(name)
        look = look_at(path)
        if before is None:
            return look != _NONE and not (name.startswith(_HOOKS) and path.is_dir() and not path.is_symlink())
        if look == before.look or (name == _COMMON and not (look and look[_SIZE])):
            return False  # git does nothing when that is empty or gone: so it is while a worktree comes or goes
        now = _read(path) if look and look[_SIZE] == len(before.data) else None
        if now is None or not now.resembles(before):
            return True
        self._files[name] = now
        return False

    def _put_back(self, name: str) -> None:
        path, before = self.folder / name, self._files.get(name)
        self._keep(path)
        if before is None:
            return
        if not path.parent.is_dir():
            self._keep(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, before)
        self._files[name] = replace(before, look=look_at(path))

    def _keep(self, path: Path) -> None:
        """Move what stands at `path`, if anything does, out of git's reach and within a person's."""
        if path.exists() or path.is_symlink():
            self.quarantine.mkdir(parents=True, exist_ok=True)
            name = self._said(str(path.relative_to(self.folder))).removeprefix(".git/").replace("/", "-")
            kept = self.quarantine / f"{int(self.clock() * 1000)}-{name[-_NAME:]}"
            path.rename(kept)
            self.told.append(f"what stood at .git/{path.relative_to(self.folder)} is kept: {kept}")

    def _restore_settings(self, name: str) -> Iterator[str]:
        """Put back the settings of one file that are not known to be harmless; yield what was changed."""
        path, before = self.folder / name, self._settings.get(name)
        if look_at(path, follow=True) == (before.look if before else _NONE):
            return
        if self.is_worktree and not os.path.lexists(path):
            return  # it takes no more with it than the worktree, whose removal begins like this
        now = _read(path, follow=True)
        settings = self._parsed(now)
        if now is None or settings is None:
            yield "deleted, or made unreadable for git"  # it would do nothing at all
            self._put_settings_back(name)
            return
        changed = self._changed(before, settings)
        for key in changed:
            yield f"{key} was changed in the shared configuration"
        self.told += self._renamed(before, settings)
        if not changed:
            self._settings[name] = now
        elif not self._set(name, changed):
            self._put_settings_back(name)
        else:
            now = _read(path, follow=True)  # unless somebody was quicker, what is told is told
            if now and not self._changed(before, self._parsed(now) or {}):
                self._settings[name] = now

    def _changed(self, before: _File | None, now: dict[str, list[str]]) -> dict[str, list[str]]:
        """Return the settings that were changed and are not harmless, each with the values it had."""
        was, new = self._parsed(before) or {}, self._new and not (before and before.look)
        keys = sorted(key for key in (now if new else was | now) if not (new and self._is_of_a_new_one(key, now[key])))
        return {key: was.get(key, []) for key in keys if risky(key, was.get(key, [])) != risky(key, now.get(key, []))}

    def _renamed(self, before: _File | None, now: dict[str, list[str]]) -> Iterator[str]:
        """Yield whose name commits bear from now on: harmless, and a person who did not set it wants to know."""
        was = self._parsed(before) or {}
        for key in sorted(key for key in was | now if key.startswith(_NAMES) and was.get(key) != now.get(key)):
            said, old = (one_line(", ".join(found.get(key, ["not set"])), 60) for found in (now, was))
            yield f"{key} of this repository was changed while agents worked: {said} (before: {old})"

    def _is_of_a_new_one(self, key: str, values: Sequence[str]) -> bool:
        """Whether git sets this by itself in the git directory of a submodule that it has just made."""
        places = [Path(os.path.normpath(self.folder / value)) for value in values]
        within = key == "core.worktree" and all(self.root in place.parents for place in places)
        return not self.is_worktree and (of_a_new_one(key) or within)

    def _set(self, name: str, settings: dict[str, list[str]]) -> bool:
        """Give these settings their values again and leave the rest of the file; False where git could not."""
        for key, values in settings.items():
            self._configure("--file", str(self.folder / name), "--unset-all", key)
            for value in values:
                self._configure("--file", str(self.folder / name), "--add", key, value)
        now = self._parsed(_read(self.folder / name, follow=True))
        return now is not None and all(now.get(key, []) == values for key, values in settings.items())

    def _put_settings_back(self, name: str) -> None:
        """Make a configuration file again what it was when it was last in order."""
        before = self._settings.pop(name, None)
        self._keep(self.folder / name)
        if before is not None and self.folder.is_dir():
            _write(self.folder / name, before)
            self._settings[name] = replace(before, look=look_at(self.folder / name, follow=True))

    def _parsed(self, file: _File | None) -> dict[str, list[str]] | None:
        """Return the settings in a file with all their values, None where there is none that git can read."""
        said = self._configure("--file", "-", "--list", "-z", stdin=file.data) if file else None
        if said is None:
            return None
        found: dict[str, list[str]] = {}
        for record in split_records(said):
            key, _, value = record.partition("\n")
            found.setdefault(key, []).append(value)
        return found

    def _configure(self, *argv: str, stdin: bytes = b"") -> bytes | None:
        # Not from within the repository: there, a file that cannot be read stops git before it has begun.
        done = self.git.at(Path(os.sep)).attempt("config", *argv, stdin=stdin)
        return None if done.returncode else done.stdout


def look_at(path: Path, *, follow: bool = False) -> Look:
    """Return what changes with a file, and where a link is to be followed also with what it leads to."""
    try:
        facts = path.lstat()
        look = facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
        return look + look_at(path.resolve()) if follow and stat.S_ISLNK(facts.st_mode) else look
    except (OSError, RuntimeError):  # nothing there, or links in a circle
        return _NONE


def _read(path: Path, *, follow: bool = False) -> _File | None:
    """Return a file as it is; None for a folder, a pipe, and nothing."""
    try:
        look = look_at(path, follow=follow)  # before the bytes: what is written meanwhile is seen the next time
        mode = path.stat().st_mode if follow else path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return _File(mode, os.fsencode(path.readlink()), look)
        return _File(mode, path.read_bytes(), look) if stat.S_ISREG(mode) else None
    except OSError:
        return None


def _write(path: Path, file: _File) -> None:
    if stat.S_ISLNK(file.mode):
        path.symlink_to(os.fsdecode(file.data))
    else:
        path.write_bytes(file.data)
        path.chmod(stat.S_IMODE(file.mode))


def _kind(mode: int) -> tuple[int, bool]:
    """Return of a mode what git goes by: a hook that nobody may execute is switched off."""
    return stat.S_IFMT(mode), not stat.S_ISLNK(mode) and bool(mode & _EXECUTABLE)
