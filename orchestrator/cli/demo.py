"""`demo`: the whole promise in a few seconds, in a repository made up for it: no key, no network."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from orchestrator.cli.app import root_option
from orchestrator.cli.output import Next, Output
from orchestrator.cli.signals import stop_requests
from orchestrator.cli.stage import TASKS, Stage
from orchestrator.clock import SystemClock
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.events import Event
from orchestrator.views.plain_lines import line

_NEXT = (
    Next("cd YOUR-REPOSITORY && orchestrator init", "writes the few files a plan needs; lists each"),
    Next("orchestrator doctor", "says what is missing before a first run"),
    Next("orchestrator run --dry-run", "says what would start; changes nothing"),
)


@dataclass(frozen=True)
class Played:
    """What the demo showed: its seconds, what landed, the history, and where it stands if it was kept."""

    seconds: float
    landed: tuple[str, ...]
    sent_back: tuple[str, ...]
    killed: bool
    history: str
    folder: str


@click.command("demo")
@click.option("--keep", metavar="DIR", type=click.Path(path_type=Path), help="Make the repository here and keep it.")
@root_option()
@click.pass_obj
def command(output: Output, keep: Path | None) -> int:
    """Show it: three agents in parallel, a bad result sent back, a kill -9, and the run that carries on."""
    with stop_requests(_interrupt), _folder(keep) as folder:
        played = _play(output, Stage(folder / "shop", folder / "home"), kept=keep is not None)
    output.product(_text(played), played, following=_NEXT)
    return Exit.DONE


def _interrupt(_number: int) -> None:
    raise KeyboardInterrupt


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Yield where to play; a folder of ours goes away afterwards, unless something failed in it."""
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise OrchestratorError(
                f"{keep} is not empty", hint="name a folder that is not there yet", code=Exit.PRECONDITION
            )
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-demo-")).resolve()
    try:
        yield folder
    except OrchestratorError as error:
        error.hint = f"what the demo left is in {folder}"
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class _Audience:
    """Hears one leader's events, tells them on, and says when the moment for the kill has come."""

    output: Output
    landed: list[str] = field(default_factory=list)
    sent_back: list[str] = field(default_factory=list)

    def see(self, event: Event) -> None:
        """Tell one event."""
        if words := line(event):
            self.output.chatter(f"    {words}")
        if event.name == "landed":
            self.landed.append(event.task)
        if event.name == "attempt.rejected":
            self.sent_back.append(f"{event.task}/{event.attempt}")

    def see_until_both(self, event: Event) -> bool:
        """Tell one event; True once two have landed and one was sent back, while a third is still at work."""
        self.see(event)
        return len(self.landed) > 1 and bool(self.sent_back)

    def see_all(self, event: Event) -> bool:
        """Tell one event; never ask for a kill."""
        self.see(event)
        return False


def _play(output: Output, stage: Stage, *, kept: bool) -> Played:
    clock = SystemClock()
    began = clock.monotonic()
    audience = _Audience(output)
    output.chatter(f"A shop of {len(TASKS)} functions to write, each with a spec, in a new git repository.")
    stage.build()
    output.chatter("Three scripted agents, in parallel, each in a worktree of its own. One of them gets it wrong.")
    first = stage.lead(audience.see_until_both)
    if first.killed:
        output.chatter("kill -9: the leader and all its processes are gone, with `stock` half done.")
    output.chatter("The same command again. It heals what the kill left, and runs nothing twice that had finished.")
    stage.lead(audience.see_all)
    history = stage.git.run("log", "--graph", "--oneline", "--no-color").decode("utf-8", "replace").rstrip()
    output.chatter("The history is the record: every commit that landed work is verified, and a checkpoint.")
    folder = str(stage.root) if kept else ""
    return Played(
        round(clock.monotonic() - began, 2),
        tuple(audience.landed),
        tuple(audience.sent_back),
        first.killed,
        history,
        folder,
    )


def _text(played: Played) -> str:
    kept = f"\nkept in {played.folder}" if played.folder else ""
    done = f"{len(played.landed)} tasks landed, {len(played.sent_back)} sent back, 1 kill, {played.seconds} s"
    return f"{played.history}\n{done}{kept}"
