"""`completion`: the script that teaches a shell our verbs and options."""

from dataclasses import dataclass

import click
from click.shell_completion import ShellComplete, get_completion_class

from orchestrator.cli.app import app, root_option
from orchestrator.cli.output import Output
from orchestrator.errors import Exit, OrchestratorError

_FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/config.fish"}


@dataclass(frozen=True)
class Completion:
    """The shell, and the script it evaluates."""

    shell: str
    script: str


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_FILES)))
@root_option()
@click.pass_obj
def command(output: Output, shell: str) -> int:
    """Print the completion script of a shell; evaluate it in the shell's start file."""
    found = get_completion_class(shell)
    if found is None:
        raise OrchestratorError(f"no completion for {shell!r}", hint=f"one of: {', '.join(_FILES)}", code=Exit.USAGE)
    complete = found(app, {}, "orchestrator", "_ORCHESTRATOR_COMPLETE")
    # not the class's own: bash's starts a bash to look at its version
    script = ShellComplete.source(complete)
    output.product(script, Completion(shell, script))
    return 0
