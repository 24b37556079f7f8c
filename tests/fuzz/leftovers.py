"""What an agent can leave in `.git`, which its worktree shares: the guard puts it back, and the next leader starts."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import Repo

from fuzz.names import PIECES

_CLAIMS, _ATTEMPTS = "refs/orchestrator/claims/", "refs/orchestrator/attempts/"

_MISLEADING = ("commondir", "info/grafts")


@dataclass(frozen=True)
class Scene:
    """One repository, and the numbers that choose what is done to it."""

    repo: Repo
    chance: random.Random

    @property
    def git_dir(self) -> Path:
        return self.repo.root / ".git"

    def name(self) -> str:
        """Return a file name of the worst kind."""
        name = b"".join(self.chance.choice(PIECES) for _ in range(self.chance.randint(1, 3)))[:255]
        return "_" if name in {b".", b".."} or b"/" in name else os.fsdecode(name)

    def git(self, *argv: str) -> None:
        """Run git as an agent does, whatever comes of it."""
        subprocess.run(["git", *argv], cwd=self.repo.root, env=self.repo.env, capture_output=True, check=False)


def _hook(scene: Scene) -> None:
    (scene.git_dir / "hooks" / scene.name()).write_bytes(b"#!/bin/sh\n")


def _linked_hook(scene: Scene) -> None:
    (scene.git_dir / "hooks" / scene.name()).symlink_to(scene.name())


def _folder(scene: Scene) -> None:
    (scene.git_dir / "hooks" / scene.name()).mkdir()


def _setting(scene: Scene) -> None:
    name = scene.name()
    keys = ("core.editor", f"filter.{name}.clean", f"remote.{name}.url", "include.path", name)
    scene.git("config", scene.chance.choice(keys), scene.name())


def _torn_settings(scene: Scene) -> None:
    name = os.fsencode(scene.name())
    lines = (b"[core\n", b"[%b]\n x = y\n" % name, b"[include]\n path = %b\n" % name, b"\xff\xfe", b"[a]\n=\n")
    with (scene.git_dir / "config").open("ab") as file:
        file.write(b"\n" + scene.chance.choice(lines))


def _no_settings(scene: Scene) -> None:
    (scene.git_dir / "config").unlink()


def _attributes(scene: Scene) -> None:
    place = scene.git_dir / "info" / "attributes"
    place.parent.mkdir(exist_ok=True)
    if scene.chance.random() < 0.5:
        place.symlink_to(scene.name())
    else:
        place.mkdir()


def _ref(scene: Scene) -> None:
    folder = scene.chance.choice((_CLAIMS, _ATTEMPTS))
    name = scene.name()
    known = (name, f"a/{name}", "a/1", "a/x", f"a/{'9' * 20}", "1", "a/b/c/1")
    target = scene.chance.choice(("HEAD", "HEAD^{tree}", "HEAD:README.md"))
    scene.git("update-ref", folder + scene.chance.choice(known), target)


def _reflog(scene: Scene) -> None:
    name = os.fsencode(scene.name())
    with (scene.git_dir / "logs" / "HEAD").open("ab") as file:
        file.write(scene.chance.choice((name, name + b"\n", b"0 1 2\n")))


def _large_hook(scene: Scene) -> None:
    (scene.git_dir / "hooks" / scene.name()).write_bytes(bytes(scene.chance.randint(1 << 20, 1 << 21)))


def _misled(scene: Scene) -> None:
    name = scene.chance.choice(_MISLEADING)
    (scene.git_dir / name).parent.mkdir(exist_ok=True)
    if scene.chance.random() < 0.5:
        (scene.git_dir / name).mkdir()
    else:
        (scene.git_dir / name).write_bytes(os.fsencode(scene.name()))


def _replacement(scene: Scene) -> None:
    scene.git("replace", "-f", "HEAD", scene.chance.choice(("HEAD~1", "HEAD^{tree}", "HEAD")))
    scene.git("update-ref", f"refs/replace/{scene.name()}", "HEAD")
    if scene.chance.random() < 0.5:
        scene.git("pack-refs", "--all", "--prune")


def _in_a_refs_place(scene: Scene) -> None:
    place = scene.git_dir / scene.chance.choice((f"{_ATTEMPTS}a/1", f"{_ATTEMPTS}a", "refs/orchestrator/lost"))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(scene.chance.choice((b"", b"e" * 40, b"ref: refs/heads/main\n", os.fsencode(scene.name()))))


def _submodule(scene: Scene) -> None:
    folder = scene.git_dir / scene.chance.choice(("modules", "worktrees")) / scene.name()
    folder.mkdir(parents=True)
    (folder / "HEAD").touch()
    for name in ("config", "config.worktree", "commondir"):
        (folder / name).write_bytes(scene.chance.choice((b"", b"[core]\neditor = x\n", os.fsencode(scene.name()))))


DEEDS: Mapping[str, Callable[[Scene], None]] = {
    "a hook": _hook,
    "a linked hook": _linked_hook,
    "a folder among the hooks": _folder,
    "a setting": _setting,
    "torn settings": _torn_settings,
    "no settings": _no_settings,
    "attributes": _attributes,
    "a ref": _ref,
    "a reflog": _reflog,
    "a large hook": _large_hook,
    "what leads elsewhere": _misled,
    "a replacement": _replacement,
    "in a ref's place": _in_a_refs_place,
    "a submodule": _submodule,
}


def vandalise(scene: Scene) -> list[str]:
    """Do one to four of these things and return which; what the disk itself refuses is not done."""
    done = []
    for name in scene.chance.choices(list(DEEDS), k=scene.chance.randint(1, 4)):
        try:
            DEEDS[name](scene)
        except OSError:
            continue
        done.append(name)
    return done


def restored(scene: Scene) -> list[str]:
    """Return what is still as the agent left it, of all that could run code or stop git."""
    hooks = (hook for hook in (scene.git_dir / "hooks").iterdir() if hook.is_symlink() or not hook.is_dir())
    found = [f"what leads elsewhere: {name}" for name in _MISLEADING if os.path.lexists(scene.git_dir / name)]
    found += [f"a hook: {hook.name!r}" for hook in hooks]
    listed = subprocess.run(
        ["git", "config", "--local", "--list"],
        cwd=scene.repo.root,
        env=scene.repo.env,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        found.append(f"settings that git cannot read: {listed.stderr!r}")
    if scene.repo.git("for-each-ref", "refs/replace"):
        found.append("a replacement")
    words = (b"core.editor=", b"filter.", b"include.path=")
    return found + [f"a setting: {line!r}" for line in listed.stdout.split(b"\n") if line.startswith(words)]


def reset(scene: Scene) -> None:
    """Make the repository what it was, for the next round."""
    for name in ("hooks", "refs/orchestrator", "logs/refs/orchestrator", "info", "modules", "worktrees"):
        shutil.rmtree(scene.git_dir / name, ignore_errors=True)
    (scene.git_dir / "hooks").mkdir()
