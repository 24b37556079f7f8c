"""What must be true after a power cut: at once, and when one more run has carried the project on."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cut as cuts
import mounts
import scene
from cut import Cut
from harness import Repo
from play import Recording

_PATIENCE = 120.0


@dataclass(frozen=True)
class Promised:
    """What was acknowledged: commits on the branch, each with what it was for, and recorded attempts with their fates."""

    commits: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, str] = field(default_factory=dict)


def promised(events: list[dict[str, Any]]) -> Promised:
    """Return what a person who has read `events` may count on."""
    found = Promised()
    for event in events:
        attempt = f"{event['task']}/{event['attempt']}"
        match event["event"]:
            case "landed" | "checkpointed" | "edits.taken":
                found.commits[event["facts"]["commit"]] = f"{event['event']} {event['task']}".strip()
            case "attempt.recorded":
                found.attempts[attempt] = event["facts"]["fate"]
            case "attempt.rejected":
                found.attempts[attempt] = "rejected"
    return found


def wrong(recording: Recording, cut: Cut) -> list[str]:
    """Cut the power, look, run once more and look again; return what is not as it must be."""
    image = recording.base.with_name("cut.img")
    cuts.image(recording.base, recording.entries, cut, image)
    known = promised(cuts.events([*recording.earlier, *recording.entries[: cut.at]]))
    try:
        with mounts.mounted(recording.kind, image, recording.root), mounts.rebooted(image.parent):
            repo = scene.opened(recording.root)
            return [*_lost(repo, known), *_unsound(repo)] or list(_stuck(repo, recording.tree, known))
    except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        return [f"{type(error).__name__}: {error}"]


def report(recording: Recording, cut: Cut, wrong: list[str]) -> str:
    """Return in words what was wrong after `cut`, and keep the disk as the cut left it."""
    image = recording.base.with_name(f"wrong-{cut.at}-{cut.cache}.img")
    cuts.image(recording.base, recording.entries, cut, image)
    head = f"power cut in {recording.during(cut.at)}, the disk's cache {cut.cache}"
    return "\n  ".join([head, f"image: {image}", *wrong])


def _lost(repo: Repo, known: Promised) -> Iterator[str]:
    history = set(repo.git("rev-list", "refs/heads/main").split())
    for commit, what in known.commits.items():
        if commit not in history:
            yield f"acknowledged and lost: {what} as {commit}"
    for key in known.attempts.keys() - scene.recorded(repo):
        yield f"acknowledged and lost: the recorded attempt {key}"


def _unsound(repo: Repo) -> Iterator[str]:
    objects = repo.root / ".git" / "objects"
    for path in objects.rglob("*"):
        named = not path.name.startswith("tmp_") and path.suffix != ".keep"
        if named and path.is_file() and not path.stat().st_size:
            yield f"an empty object: {path.relative_to(objects)}"
    # Named one by one: the worktrees of attempts, which are made anew, may have lost their HEAD.
    refs = repo.git("for-each-ref", "--format=%(objectname)").split()
    argv = ["git", "fsck", "--no-dangling", "HEAD", *refs]
    done = subprocess.run(argv, cwd=repo.root, env=repo.env, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"git fsck: exit {done.returncode}\n{done.stdout}{done.stderr}"


def _stuck(repo: Repo, tree: str, known: Promised) -> Iterator[str]:
    """Carry the project on; the agents' log starts with what may not be run again."""
    Path(repo.env["FAULTS_RUNS"]).write_text("\n".join([*known.attempts, ""]))
    done = repo.run("run", code=None, timeout=_PATIENCE)
    if done.code:
        yield f"the next run: exit {done.code}\n{done.out}{done.err}"
    finished = frozenset(key for key, fate in known.attempts.items() if fate == "finished")
    yield from scene.wrong(repo, tree, scene.Kept(frozenset(known.attempts), finished))
