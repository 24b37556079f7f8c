"""`help`: the exit codes, how errors read, and the schemas of what `--json` prints."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import click

from orchestrator.cli.app import VERBS, app, root_option
from orchestrator.cli.output import Output
from orchestrator.cli.schemas import DATA, envelope
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.failure import Failure
from orchestrator.views.names import find

_CODES = {
    Exit.DONE: "done, or nothing to do",
    Exit.FAILED: "a handled failure; the next run carries on",
    Exit.USAGE: "the command line is wrong",
    Exit.WAITING: "waits for a person",
    Exit.MISSING: "credentials, git or an engine is missing",
    Exit.PRECONDITION: "not as things stand: locked, a document to mend, a file in the way, an unknown id",
    Exit.BUG: "a bug of ours; the report is in .orchestrator/crash.md",
    Exit.INTERRUPTED: "stopped by Ctrl-C; the next run carries on",
    Exit.TERMINATED: "stopped by SIGTERM; the next run carries on",
}
_ERRORS = """\
An error says what happened, where, and the command or edit that fixes it:

  error: TODO.md:7: b comes after z, which is no task
  hint: did you mean a?

With --json it is on stdout, in the same envelope as everything else, with "ok": false and
data.error: {message, where, hint, code}. `orchestrator help exit-codes` lists the codes.

An attempt that did not land has one of these failures:
"""
_TOPICS = ("errors", "exit-codes", "schema")


@dataclass(frozen=True)
class Topic:
    """One topic: its text, and its facts by name where it has any."""

    topic: str
    text: str
    facts: Mapping[str, object]


@click.command("help")
@click.argument("topic", default="", metavar="[exit-codes|errors|schema VERB|VERB]")
@click.argument("verb", default="")
@root_option()
@click.pass_obj
@click.pass_context
def command(context: click.Context, output: Output, topic: str, verb: str) -> int:
    """Explain exit codes, errors, the schema of a verb's JSON, or a verb."""
    shown = _topic(context, topic, verb)
    output.product(shown.text, shown)
    return 0


def _topic(context: click.Context, topic: str, verb: str) -> Topic:
    if topic == "exit-codes":
        lines = [f"{int(code):>4}  {what}" for code, what in _CODES.items()]
        return Topic(topic, "\n".join(lines), {str(int(code)): what for code, what in _CODES.items()})
    if topic == "errors":
        return _errors()
    if topic == "schema":
        return _schema(verb)
    return _of_verb(context, topic, verb)


def _errors() -> Topic:
    doc = Failure.__doc__ or ""
    told = dict(line.strip().split(": ", 1) for line in doc.split("\n") if ": " in line)
    facts = {failure.value: told.get(failure.name, "") for failure in Failure}
    lines = [f"  {name:<14} {what}" for name, what in facts.items()]
    return Topic("errors", _ERRORS + "\n" + "\n".join(lines), facts)


def _schema(verb: str) -> Topic:
    if not verb:
        raise OrchestratorError("the schema of which verb?", hint=f"one of: {', '.join(DATA)}", code=Exit.USAGE)
    schema = envelope(verb)
    return Topic("schema", json.dumps(schema, indent=2, ensure_ascii=False), schema)


def _of_verb(context: click.Context, verb: str, second: str) -> Topic:
    root = context.find_root()
    if not verb:
        return Topic("", app.get_help(root), {})
    found = app.get_command(root, verb)
    if found is None:
        try:
            find(verb, [*_TOPICS, *VERBS], "topic or verb", "orchestrator help lists the verbs")
        except OrchestratorError as error:
            raise OrchestratorError(error.message, hint=error.hint, code=Exit.USAGE) from error
        raise OrchestratorError(
            f"there is no topic or verb {verb!r}", hint="orchestrator help lists the verbs", code=Exit.USAGE
        )
    within = click.Context(found, parent=root, info_name=verb)
    if second and isinstance(found, click.Group):
        below = found.get_command(within, second)
        if below is None:
            hint = f"orchestrator help {verb} lists them"
            raise OrchestratorError(f"there is no verb {verb} {second!r}", hint=hint, code=Exit.USAGE)
        return Topic(f"{verb} {second}", below.get_help(click.Context(below, parent=within, info_name=second)), {})
    return Topic(verb, found.get_help(within), {})
