"""What every verb keeps to: the envelope, its schema, exit codes, near misses, plain output, few imports."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Repo
from jsonschema import Draft202012Validator
from planned import MODEL, outline, script, task

from orchestrator.cli.app import VERBS
from orchestrator.cli.schemas import DATA, envelope
from orchestrator.errors import Exit
from orchestrator.testing import FakeAPI

# verb -> a call of it that works in `project`; a verb with a schema and no call here fails the test
# In this order: each starts from what those before it left.
CALLS = {
    "task.list": ("task", "list"),
    "spec.lint": ("spec", "lint"),
    "spec.show": ("spec", "show", "a"),
    "dlq.list": ("dlq", "list"),
    "dlq.show": ("dlq", "show", "c"),
    "doctor": ("doctor",),
    "brief": ("brief",),
    "completion": ("completion", "zsh"),
    "config.show": ("config", "show", "--origin"),
    "diff": ("diff", "1..HEAD"),
    "help": ("help", "errors"),
    "hook": ("hook", "session-start"),
    "inspect": ("inspect", "a"),
    "log": ("log",),
    "status": ("status",),
    "dlq.retry": ("dlq", "retry", "c"),
    "retry": ("retry", "c"),
    "run": ("run", "--dry-run"),
    "resume": ("resume", "--dry-run"),
    "spec.new": ("spec", "new", "b", "--file", "b.txt"),
    "task.add": ("task", "add", "d", "do d"),
    "task.next": ("task", "next", "--claim"),
    "task.release": ("task", "release", "b"),
    "task.done": ("task", "done", "a"),
    "dlq.drop": ("dlq", "drop", "d"),
    "drop": ("drop", "d"),
    "checkpoint": ("checkpoint", "-m", "by hand"),
    "fork": ("fork", "1", "elsewhere"),
    "restore": ("restore", "2"),
    "plan": ("plan", "Do more"),
    "reject": ("reject", "7", "-m", "too much"),
    "approve": ("approve", "7"),
    "init": ("init",),
    "demo": ("demo",),
}
MAY_FAIL = {"doctor", "spec.lint"}  # findings are an answer, with an exit code of their own
KEYS = ["schema", "ok", "data", "truncated", "warnings", "next"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """One landed task, one open one without a spec."""
    repo = Repo(tmp_path_factory.mktemp("project") / "repo").init()
    repo.task("a: do a", "b: do b")
    repo.write("a.txt", "old\n")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"')
    repo.commit("a project")
    repo.run("run", code=None)
    assert repo.landed() == ["a"]
    return repo


def exact(schema: Any) -> Any:
    """The schema with no room for fields it does not name: for us, not for those who read the output."""
    if isinstance(schema, list):
        return [exact(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema and "title" in schema else {}
    return {key: exact(part) for key, part in schema.items()} | closed


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """One landed task, an open one without a spec, a dead letter, and a model that plans."""
    repo = Repo(tmp_path_factory.mktemp("troubled") / "repo").init()
    repo.task("a: do a", "b: do b", "c: do c")
    repo.write("a.txt", "old\n")
    repo.spec("a", "a.txt")
    repo.spec("c", "c.txt")
    more = f'[agents.claude]\nkind = "anthropic"\nmodel = "{MODEL}"\n[roles]\nworker = "sh"\n[limits]\nattempts = 1\n'
    repo.shell_agent('[ $ORCHESTRATOR_TASK = a ] && echo new > "$1"', more=more)
    repo.commit("a project")
    repo.run("run", code=None)
    with FakeAPI(script(outline(task("more", "b.txt", new=True)))) as fake:
        repo.env |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url}
        yield repo


def test_every_verb_has_a_schema_and_a_call() -> None:
    assert DATA.keys() == CALLS.keys()
    assert {verb.split(".")[0] for verb in DATA} == VERBS.keys()


def test_every_envelope_keeps_to_its_schema(troubled: Repo) -> None:
    for verb in CALLS:
        check_envelope(troubled, verb)


def check_envelope(troubled: Repo, verb: str) -> None:
    said = troubled.run(*CALLS[verb], "--json", code=None if verb in MAY_FAIL else 0)
    assert (said.out.count("\n"), said.err) == (1, "")
    assert list(said.json) == KEYS
    schema = exact(envelope(verb))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(said.json)
    assert said.json["schema"] == f"orchestrator.{verb}/1"


def test_a_schema_is_printed(project: Repo) -> None:
    assert json.loads(project.run("help", "schema", "status").out) == envelope("status")
    assert "hint: did you mean status?" in project.run("help", "schema", "statsu", code=2).err


def test_a_schema_can_fail(project: Repo) -> None:
    said = project.run("status", "--json").json
    broken = Draft202012Validator(envelope("status"))
    assert not broken.is_valid(said | {"data": {"error": {}}})
    assert not broken.is_valid(said | {"ok": False})
    assert not broken.is_valid(said | {"schema": "orchestrator.status/2"})


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("inspect", "zz"), Exit.PRECONDITION),
        (("diff", "1..99"), Exit.PRECONDITION),
        (("log", "--limit", "0"), Exit.USAGE),
        (("log", "--bogus"), Exit.USAGE),
        (("brief", "--budget", "9999"), Exit.USAGE),
        (("completion", "tcsh"), Exit.USAGE),
        (("help", "schema"), Exit.USAGE),
    ],
)
def test_an_error_is_in_the_same_envelope(project: Repo, argv: tuple[str, ...], code: Exit) -> None:
    said = project.run(*argv, "--json", code=code)
    assert (said.err, list(said.json), said.json["ok"]) == ("", KEYS, False)
    error = said.json["data"]["error"]
    assert list(error) == ["message", "where", "hint", "code"]
    assert (error["code"], bool(error["message"]), bool(error["hint"])) == (code, True, True)
    Draft202012Validator(envelope(argv[0])).validate(said.json)
    plain = project.run(*argv, code=code)
    assert (plain.out, plain.err) == ("", f"error: {error['message']}\nhint: {error['hint']}\n")


def test_outside_a_repository(project: Repo, tmp_path: Path) -> None:
    away = Repo(tmp_path / "away", project.env)
    away.root.mkdir()
    assert "is not inside a git repository" in away.run("status", code=5).err
    assert away.run("status", "--json", code=5).json["data"]["error"]["code"] == Exit.PRECONDITION


@pytest.mark.parametrize(
    ("argv", "near"),
    [
        (("statsu",), "status"),
        (("instpect", "a"), "inspect"),
        (("log", "--limt", "3"), "--limit"),
        (("inspect", "--jsn", "a"), "--json"),
        (("help", "eror"), "errors"),
    ],
)
def test_near_misses_are_named(project: Repo, argv: tuple[str, ...], near: str) -> None:
    assert near in project.run(*argv, code=2).err


def test_the_help_of_two_words_is_that_of_the_second(project: Repo) -> None:
    assert project.run("help", "task", "add").out == project.run("task", "add", "--help").out
    assert "there is no verb task 'ad'" in project.run("help", "task", "ad", code=2).err


def test_a_message_that_looks_like_a_flag_is_none(project: Repo) -> None:
    assert not project.run("checkpoint", "-m", "--events are nice").out.startswith("{")


def test_every_exit_code_is_explained(project: Repo) -> None:
    lines = project.run("help", "exit-codes").out.splitlines()
    assert [int(line.split()[0]) for line in lines] == [int(code) for code in Exit]
    assert all(line.split(maxsplit=1)[1] for line in lines)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_our_name(project: Repo, shell: str) -> None:
    script = project.run("completion", shell).out
    assert "_ORCHESTRATOR_COMPLETE=" in script
    asked = {
        "_ORCHESTRATOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "orchestrator inspect --js",
        "COMP_CWORD": "2",
    }
    assert project.run(env=asked).out == "plain,--json\n"


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"CLAUDECODE": "1", "TERM": "xterm-256color"}])
def test_no_colour_in_a_pipe(project: Repo, env: dict[str, str]) -> None:
    for verb in ("status", "log", "inspect", "help"):
        said = project.run(*CALLS[verb], env=env)
        assert "\x1b" not in said.out + said.err


def test_text_from_outside_cannot_move_the_cursor(repo: Repo) -> None:
    repo.write("TODO.md", "## Implementing\n\n- [ ] a: red \x1b[31m and \u202eback\n")
    repo.commit("bad \x1b[2J words\n\nWorkflow: w")
    for argv in (("status",), ("brief",), ("log",), ("inspect", "a"), ("log", "--json"), ("brief", "--json")):
        said = repo.run(*argv).out
        assert "\x1b" not in said
        assert "\u202e" not in said


FORBIDDEN = {
    "anthropic",
    "dbos",
    "jinja2",
    "rich",
    "pydantic",
    "jsonschema",
    "frontmatter",
    "psutil",
    "asyncio",
}


@pytest.mark.parametrize("argv", [("status",), ("brief",), ("hook", "session-start")], ids=lambda argv: argv[0])
def test_quick_verbs_import_no_sdk(project: Repo, argv: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom orchestrator.cli.app import run\n"
        f"assert run({list(argv)!r}) == 0\nprint('\\nLOADED', *sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=project.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.rpartition("LOADED ")[2].split()}
    assert "orchestrator" in loaded
    assert loaded & FORBIDDEN == set()
