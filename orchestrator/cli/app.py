"""The group of verbs, each imported only when it is called, and the one place that turns errors into words."""

import atexit
import gc
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.output import from_environment, say
from orchestrator.errors import Exit, OrchestratorError, of_disk

# name -> module under orchestrator.cli that defines `command`
VERBS = {
    "approve": "approve",
    "brief": "brief",
    "checkpoint": "checkpoint",
    "completion": "completion",
    "config": "config",
    "demo": "demo",
    "diff": "diff",
    "dlq": "dlq",
    "doctor": "doctor",
    "drop": "drop",
    "fork": "fork",
    "help": "help",
    "hook": "hook",
    "init": "init",
    "inspect": "inspect",
    "log": "log",
    "plan": "plan",
    "reject": "reject",
    "restore": "restore",
    "resume": "resume",
    "retry": "retry",
    "run": "run",
    "spec": "spec",
    "status": "status",
    "task": "task",
}


Resolved = tuple[str | None, click.Command | None, list[str]]


class Verbs(click.Group):
    """A group that loads one verb at a time: `status` must not pay for what `run` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return every verb, in alphabetical order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own signature
        """Return one verb."""
        if cmd_name not in VERBS:
            return None
        found: click.Command = importlib.import_module(f"orchestrator.cli.{VERBS[cmd_name]}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Resolved:
        """Name the nearest verb when there is no such one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 - 4 ms that only a mistyped name pays

            near = difflib.get_close_matches(args[0], VERBS, 1, 0.4)
            hint = f"did you mean {near[0]}?" if near else "orchestrator --help lists the verbs"
            raise OrchestratorError(f"there is no verb {args[0]!r}", hint=hint, code=Exit.USAGE)
        return super().resolve_command(ctx, args)


def root_option(**extra: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the `--json` option every verb has; it is read by `output` before any verb runs."""
    return click.option("--json", "as_json", is_flag=True, help="Print the JSON envelope.", expose_value=False, **extra)


def _version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's own order
    if asked:
        from importlib import metadata  # noqa: PLC0415 - 20 ms that only this option pays

        try:
            number = metadata.version("checkpoint-orchestrator")
        except metadata.PackageNotFoundError:
            number = "of a bare checkout"
        click.echo(f"orchestrator, version {number}")
        ctx.exit()


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print it.")
@root_option()
@click.pass_context
def app(ctx: click.Context) -> None:
    """Agent projects that outlive a session: specs in, verified checkpoints out, in your own git repository."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(importlib.import_module("orchestrator.cli.status").command)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    _speak_utf8()
    _open_closed_streams()
    _spell_out_what_cannot_be_written()
    # A call is short, and a plan of thousands of tasks large: to look through it for circles, again and again and once
    # more at the end, takes a fifth of its time. What runs for long turns this on again.
    gc.disable()
    atexit.register(gc.freeze)
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def _speak_utf8() -> None:
    """Start this very command again where file names would be read as anything but UTF-8.

    git's names are bytes, and what we write is UTF-8. In Latin-1 a spec's `ü` would name another file than git's; in
    ASCII it would name none.
    """
    flag = ["-X", "utf8"]
    if sys.getfilesystemencoding() != "utf-8" and sys.orig_argv[1:3] != flag:
        os.execv(sys.executable, [sys.executable, *flag, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _open_closed_streams() -> None:
    """Let a standard stream that the caller closed lead nowhere, before a file of ours takes its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is that stream's
            os.set_inheritable(handle, True)  # noqa: FBT003 - has no keyword; a child may have it for its own
            setattr(sys, name, os.fdopen(handle, mode, encoding="utf-8", errors="replace"))


def _spell_out_what_cannot_be_written() -> None:
    """Let a stream whose encoding lacks a letter print its number: `PYTHONIOENCODING=ascii` is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def run(argv: list[str]) -> int:
    """Run one verb and return its exit code; every error is shown here, and nowhere else."""
    output = from_environment(argv, os.environ)
    try:
        result = app.main(argv, prog_name="orchestrator", standalone_mode=False, obj=output)
    except OrchestratorError as error:
        return output.failed(error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.ctx.get_help() + "\n")
        return Exit.DONE
    except click.UsageError as error:
        return output.failed(usage(error))
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except OSError as error:
        return output.failed(of_disk(error))
    except Exception as error:  # noqa: BLE001 - the last catcher: a bug of ours becomes a report, not a traceback
        return output.crashed(error, argv, Path.cwd())
    return int(result or 0)


def usage(error: click.UsageError) -> OrchestratorError:
    """Return click's complaint as one of ours, with the verb whose help says more."""
    where = error.ctx.command_path if error.ctx else "orchestrator"
    return OrchestratorError(error.format_message(), hint=f"{where} --help", code=Exit.USAGE)
