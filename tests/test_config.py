"""The configuration: which source wins, where a value is said to come from, and what is refused with its line."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from harness import Repo
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.config import FILE, KINDS, PRESETS, Config, load
from orchestrator.config.keys import KEYS
from orchestrator.errors import Exit, OrchestratorError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty project; `user` beside it stands for XDG_CONFIG_HOME."""
    (tmp_path / "user/orchestrator").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    return tmp_path


def loaded(
    home: Path, env: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> tuple[Config, dict[str, tuple[object, str]]]:
    config, found = load(home / "project", {"XDG_CONFIG_HOME": str(home / "user"), **(env or {})}, flags)
    return config, {item.key: (item.value, item.origin) for item in found}


def from_text(home: Path, text: str, name: str = FILE) -> tuple[Config, dict[str, tuple[object, str]]]:
    (home / "project" / name).write_bytes(text.encode())
    return loaded(home)


def refusal(home: Path, text: str | bytes, name: str = FILE) -> OrchestratorError:
    (home / "project" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return refused(home)


def refused(home: Path, env: Mapping[str, str] | None = None) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        loaded(home, env)
    assert caught.value.code == Exit.PRECONDITION
    assert caught.value.hint
    return caught.value


# Precedence

SOURCES = ("default", "user", "pyproject", "own", "environment", "flag")  # the weakest first


@pytest.mark.parametrize("strongest", range(len(SOURCES)))
def test_the_strongest_source_wins(home: Path, strongest: int) -> None:
    given_by = SOURCES[: strongest + 1]
    user = home / "user/orchestrator/config.toml"
    if "user" in given_by:
        user.write_text("limits.jobs = 11\n")
    if "pyproject" in given_by:
        (home / "project/pyproject.toml").write_text("[tool.orchestrator]\nlimits.jobs = 12\n")
    if "own" in given_by:
        (home / "project" / FILE).write_text("\n\n[limits]\njobs = 13\n")
    env = {"ORCHESTRATOR_LIMITS_JOBS": "14"} if "environment" in given_by else {}
    config, found = loaded(home, env, {"limits.jobs": 15} if "flag" in given_by else {})
    places = ("default", f"{user}:1", "pyproject.toml:2", "orchestrator.toml:4", "environment", "flag")
    assert found["limits.jobs"] == (config.jobs, places[strongest])
    assert config.jobs == (4, 11, 12, 13, 14, 15)[strongest]


def test_keys_of_the_environment_the_project_and_the_user_add_up(home: Path) -> None:
    (home / "user/orchestrator/config.toml").write_text('limits.idle = 5\n[agents.mine]\ncommand = ["user"]\n')
    (home / "project" / FILE).write_text('limits.drain = 6\n[agents.ours]\ncommand = ["project"]\n')
    config, _ = loaded(home, {"ORCHESTRATOR_LIMITS_BACKOFF": "7"})
    assert (config.idle, config.drain, config.backoff) == (5, 6, 7)
    assert {name: agent.command for name, agent in config.agents.items()} == {"mine": ("user",), "ours": ("project",)}


def test_an_agent_of_the_project_replaces_the_user_s_of_that_name(home: Path) -> None:
    (home / "user/orchestrator/config.toml").write_text('[agents.x]\ncommand = ["user"]\ntimeout = 9\n')
    config, found = from_text(home, '[agents.x]\ncommand = ["project"]\n')
    assert (config.agents["x"].command, config.agents["x"].timeout) == (("project",), None)
    assert found["agents.x.command"] == (("project",), "orchestrator.toml:2")
    assert found["agents.x.timeout"] == (None, "default")


@pytest.mark.parametrize("own", ["", "# nothing\n", "[limits]\nidle = 1\n"])
def test_beside_an_own_file_the_table_in_pyproject_does_not_count(home: Path, own: str) -> None:
    (home / "project/pyproject.toml").write_text("[tool.orchestrator.limits]\njobs = 12\n")
    assert from_text(home, own)[0].jobs == 4


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "tool = 3\n", "[[tool]]\n", "[tool]\nblack = {}\n"])
def test_a_pyproject_without_our_table_says_nothing(home: Path, text: str) -> None:
    _, found = from_text(home, text, "pyproject.toml")
    assert {origin for _, origin in found.values()} == {"default"}


def test_a_flag_that_was_not_given_does_not_count(home: Path) -> None:
    assert loaded(home, flags={"limits.jobs": None})[1]["limits.jobs"] == (4, "default")


def test_without_xdg_the_user_s_file_is_below_home(home: Path) -> None:
    file = home / ".config/orchestrator/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("checkpoint.keep = 7\n")
    _, found = load(home / "project", {"HOME": str(home)})
    assert {item.origin for item in found if item.key == "checkpoint.keep"} == {f"{file}:1"}


def test_a_flag_of_the_program_beats_the_file(repo: Repo) -> None:
    repo.shell_agent("true", more="[limits]\njobs = 1\n")
    for name in "ab":
        repo.spec(name, f"{name}.txt")
    repo.task("a: do a", "b: do b")
    repo.commit("two tasks")
    starts = {flags: repo.run("run", "--dry-run", "--json", *flags).json for flags in ((), ("--jobs", "2"))}
    assert [len(said["data"]["start"]) for said in starts.values()] == [1, 2]


# Values

READ = {
    "ORCHESTRATOR_LIMITS_JOBS": ("2", "jobs", 2),
    "ORCHESTRATOR_VERIFY_TIMEOUT": ("90", "verify_timeout", 90.0),
    "ORCHESTRATOR_LIMITS_IDLE": ("1.5", "idle", 1.5),
    "ORCHESTRATOR_VERIFY_COMMAND": ("make 7", "verify", "make 7"),
    "ORCHESTRATOR_WORKFLOW_NAME": ("42", "name", "42"),
    "ORCHESTRATOR_VERIFY_LINK": (os.pathsep.join(["a b", "", "c"]), "link", ("a b", "c")),
    "ORCHESTRATOR_VERIFY_ENV": ("", "verify_env", ()),
    "ORCHESTRATOR_CHECKPOINT_EVERY": ("15", "every", 15),
}


@pytest.mark.parametrize("name", READ)
def test_the_environment_gives_values_of_every_kind(home: Path, name: str) -> None:
    text, field, value = READ[name]
    config, _ = loaded(home, {name: text})
    assert (getattr(config, field), type(getattr(config, field))) == (value, type(value))


@pytest.mark.parametrize("key", ["verify.timeout", "limits.timeout", "limits.idle", "limits.backoff", "limits.drain"])
def test_seconds_may_be_whole_and_are_kept_as_numbers_with_a_point(home: Path, key: str) -> None:
    value, _ = from_text(home, f"{key} = 7\n")[1][key]
    assert (value, type(value)) == (7.0, float)


@pytest.mark.parametrize(("written", "value"), [*((f'"{name}"', name) for name in PRESETS), ("15", 15), ('"15"', 15)])
def test_how_often_a_checkpoint_is_made(home: Path, written: str, value: object) -> None:
    assert from_text(home, f"checkpoint.every = {written}\n")[0].every == value


def test_every_field_is_filled_by_one_key() -> None:
    assert sorted(key.field for key in KEYS.values()) == sorted({f.name for f in fields(Config)} - {"agents"})


def test_every_default_is_a_value_that_its_key_takes(home: Path) -> None:
    config, _ = loaded(home)
    for name, key in KEYS.items():
        value = getattr(config, key.field)
        assert key.takes(list(value) if isinstance(value, tuple) else value), name


def test_the_only_agent_is_the_worker_and_of_two_neither(home: Path) -> None:
    one, two = '[agents.a]\ncommand = ["x"]\n', '[agents.b]\nkind = "scripted"\nscript = "y"\n'
    assert from_text(home, one)[0].worker == "a"
    assert from_text(home, one + two)[0].worker == ""
    assert from_text(home, f'roles.worker = "b"\n{one}{two}')[0].worker == "b"


def test_a_byte_order_mark_and_windows_line_ends_are_taken(home: Path) -> None:
    _, found = from_text(home, '\ufeff[verify]\r\ncommand = """\r\na"""\r\n[limits]\r\njobs = 5\r\n')
    assert found["verify.command"] == ("a", "orchestrator.toml:2")
    assert found["limits.jobs"] == (5, "orchestrator.toml:5")


# Origins

SPELLINGS: dict[str, tuple[str, dict[str, int]]] = {
    "table": ("\n[limits]\njobs = 2\n", {"limits.jobs": 3}),
    "dotted": ("limits.jobs = 2\nlimits.idle = 3\n", {"limits.jobs": 1, "limits.idle": 2}),
    "inline": ("# x\nlimits = { idle = 3, jobs = 2 }\n", {"limits.jobs": 2, "limits.idle": 2}),
    "spaces and quotes": ("[ 'limits' ] # here\n  \"jobs\"  = 2\n", {"limits.jobs": 2}),
    "quoted with escapes": ('["li\\u006dits"]\njobs = 2\n', {"limits.jobs": 2}),
    "no newline at the end": ("[limits]\njobs = 2", {"limits.jobs": 2}),
    "same name twice": (
        "[verify]\ntimeout = 2\n[limits]\ntimeout = 3\n",
        {"verify.timeout": 2, "limits.timeout": 4},
    ),
    "a look-alike in a text": (
        '[verify]\ncommand = """\n[limits]\njobs = 1"""\n[limits]\njobs = 2\n',
        {"limits.jobs": 6},
    ),
    "a look-alike in a literal": (
        "[verify]\nsetup = '''\n[limits]\njobs = 1\\'''\n[limits]\njobs = 2\n",
        {"limits.jobs": 6},
    ),
    "quotes before the end of a text": ('[verify]\nsetup = """a""""\n[limits]\njobs = 2\n', {"limits.jobs": 4}),
    "quotes before the end of a text in a list": (
        'verify.copy = ["""a"""", "["]\nlimits.jobs = 2\n',
        {"verify.copy": 1, "limits.jobs": 2},
    ),
    "brackets in a comment": (
        "# [limits\nlimits.jobs = 2 # {[\nlimits.idle = 1\n",
        {"limits.jobs": 2, "limits.idle": 3},
    ),
    "a list over lines": (
        "[verify]\ncopy = [\n  'a', # ]\n  ']',\n]\nlink = []\n",
        {"verify.copy": 2, "verify.link": 6},
    ),
    "agent": (
        '[agents."my agent"]\ncommand = ["x"]\n\nidle = 1\n',
        {'agents."my agent".command': 2, 'agents."my agent".idle': 4},
    ),
    "agent with a dot": ("[agents.'a.b']\ncommand = ['x']\n", {'agents."a.b".command': 2}),
    "agents below agents": (
        "[agents]\na = {command = ['x']}\nb.command = ['y']\n",
        {"agents.a.command": 2, "agents.b.command": 3},
    ),
    "agents apart": (
        "[agents.a]\ncommand = ['x']\n[limits]\njobs = 2\n[agents.b]\ncommand = ['y']\n",
        {"agents.a.command": 2, "agents.b.command": 6, "limits.jobs": 4},
    ),
}
SHARED = {
    "table": ("[tool.orchestrator.limits]\njobs = 2\n", {"limits.jobs": 2}),
    "dotted": ("[tool.orchestrator]\nlimits.jobs = 2\n", {"limits.jobs": 2}),
    "from the top": ("x.y = 1\ntool.orchestrator.limits.jobs = 2\n", {"limits.jobs": 2}),
    "inline": ("[tool]\norchestrator = {limits = {jobs = 2}}\n", {"limits.jobs": 2}),
    "tables of others": (
        "[limits]\njobs = 7\n[[tool.other.limits]]\njobs = 8\n[tool.orchestrator.limits]\njobs = 2\n[tool.z]\njobs = 9\n",
        {"limits.jobs": 6},
    ),
    "agent": ("[tool.orchestrator.agents.'my agent']\ncommand = ['x']\n", {'agents."my agent".command': 2}),
}


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [(FILE, *case) for case in SPELLINGS.values()] + [("pyproject.toml", *case) for case in SHARED.values()],
    ids=[*SPELLINGS, *(f"pyproject {name}" for name in SHARED)],
)
def test_a_key_is_found_however_it_is_written(home: Path, name: str, text: str, lines: dict[str, int]) -> None:
    _, found = from_text(home, text, name)
    assert {key: found[key][1] for key in lines} == {key: f"{name}:{line}" for key, line in lines.items()}


SHOWN = """\
workflow.name = ""                       # default
workflow.phases = []                     # default
roles.worker = ""                        # default
roles.planner = ""                       # default
plan.reading = 4000                      # default
roles.reviewer = ""                      # default
roles.resolver = ""                      # default
review.phases = []                       # default
verify.command = "make test"             # orchestrator.toml:3
verify.setup = ""                        # default
verify.copy = ["x", "y"]                 # environment
verify.link = []                         # default
verify.timeout = 1800.0                  # default
verify.sandbox = "off"                   # default
verify.env = []                          # default
limits.jobs = 3                          # orchestrator.toml:1
limits.attempts = 3                      # default
limits.retries = 5                       # default
limits.timeout = 3600.0                  # default
limits.idle = 0.0                        # default
limits.backoff = 2.0                     # default
limits.budget = 0.0                      # default
limits.task_budget = 0.0                 # default
limits.call_budget = 0.0                 # default
limits.reserve = 0.0                     # default
limits.drain = 9.0                       # {user}:2
limits.logs = 1000                       # default
checkpoint.every = "task"                # default
checkpoint.keep = 20                     # default
agents."my agent".kind = "command"       # default
agents."my agent".command = ["a", "b"]   # orchestrator.toml:6
agents."my agent".script = ""            # default
agents."my agent".timeout = ""           # default
agents."my agent".idle = 2.0             # orchestrator.toml:5
agents."my agent".env = []               # default
agents."my agent".model = ""             # default
agents."my agent".effort = ""            # default
agents."my agent".format = ""            # default
agents."my agent".allow = []             # default
agents."my agent".turns = 200            # default
agents."my agent".sandbox = "best"       # default
"""


def test_config_show_says_where_every_value_comes_from(repo: Repo) -> None:
    repo.write(
        FILE, 'limits.jobs = 3\n[verify]\ncommand = "make test"\n[agents."my agent"]\nidle = 2\ncommand = ["a", "b"]\n'
    )
    user = Path(repo.env["XDG_CONFIG_HOME"]) / "orchestrator/config.toml"
    user.parent.mkdir(parents=True)
    user.write_text("[limits]\ndrain = 9\njobs = 8\n")
    env = {"ORCHESTRATOR_VERIFY_COPY": os.pathsep.join("xy")}
    squeezed = re.sub(" +#", " #", repo.run("config", "show", "--origin", env=env).out)
    assert squeezed == re.sub(" +#", " #", SHOWN).replace("{user}", str(user))
    plain = repo.run("config", "show", env=env)
    assert plain.out.splitlines() == [re.sub(" +# .*", "", line) for line in SHOWN.splitlines()]
    rows = repo.run("config", "show", "--json", env=env).json["data"]["settings"]
    assert {"key": "limits.drain", "value": 9.0, "origin": f"{user}:2"} in rows


def test_a_coding_agent_needs_no_command(home: Path) -> None:
    text = "[agents.a]\nkind = 'claude_code'\n[agents.b]\nkind = 'codex'\n[agents.c]\nformat = 'aider'\n"
    (home / FILE).write_text(text)
    config, _settings = load(home, {})
    assert [agent.command for agent in config.agents.values()] == [(), (), ()]


# Refusals

WHOLE = "it takes a whole number from 1 to 256: attempts at once"
REFUSED: dict[str, tuple[str, int, str, str]] = {
    "unknown key": ("[limits]\n\njobz = 4\n", 3, "unknown key limits.jobz", "did you mean limits.jobs?"),
    "unknown section": ("[limit]\njobs = 4\n", 2, "unknown key limit.jobs", "did you mean limits.jobs?"),
    "unknown empty section": ("\n[xyz]\n", 2, "unknown key xyz", "orchestrator config show lists every key"),
    "key without section": ("jobs = 4\n", 1, "unknown key jobs", "did you mean limits.jobs?"),
    "quoted dots": ('"limits.jobs" = 4\n', 1, 'unknown key "limits.jobs"', "did you mean limits.jobs?"),
    "unknown inline": ("limits = {jobz = 4}\n", 1, "unknown key limits.jobz", "did you mean limits.jobs?"),
    "unknown agent key": (
        '[agents."my agent"]\ncommand = ["x"]\ntimout = 3\n',
        3,
        'unknown key agents."my agent".timout',
        'did you mean agents."my agent".timeout?',
    ),
    "far-off agent key": (
        '[agents.modernise]\ncommand = ["x"]\nzzz = 3\n',
        3,
        "unknown key agents.modernise.zzz",
        "it takes kind, command, script, timeout, idle, env, model, effort, format, allow, turns, sandbox",
    ),
    "text for a number": ('[limits]\njobs = "many"\n', 2, 'limits.jobs cannot be "many"', WHOLE),
    "truth for a number": ("[limits]\njobs = true\n", 2, "limits.jobs cannot be true", WHOLE),
    "fraction for a whole": ("limits.jobs = 4.0\n", 1, "limits.jobs cannot be 4.0", WHOLE),
    "date for a number": ("limits.jobs = 2026-01-02\n", 1, 'limits.jobs cannot be "2026-01-02"', WHOLE),
    "table for a number": ("[limits.jobs]\nx = 1\n", 1, "limits.jobs cannot be a table", WHOLE),
    "dotted table for a number": ("[limits]\njobs.x.y = 1\n", 2, "limits.jobs cannot be a table", WHOLE),
    "empty table for a number": ("[limits]\njobs = {}\n", 2, "limits.jobs cannot be a table", WHOLE),
    "list of tables for a number": ("[[limits.jobs]]\n", 1, "limits.jobs cannot be [{}]", WHOLE),
    "too small": ("\nlimits.jobs = 0\n", 2, "limits.jobs cannot be 0", WHOLE),
    "too large": ("limits.jobs = 257\n", 1, "limits.jobs cannot be 257", WHOLE),
    "unprintably large": (f"limits.jobs = 0x{'f' * 9000}\n", 1, "limits.jobs cannot be this", WHOLE),
    "not a number": (
        "limits.drain = nan\n",
        1,
        "limits.drain cannot be NaN",
        "it takes a number from 0 to 1000000000: seconds running attempts get after Ctrl-C",
    ),
    "endless": (
        "verify.timeout = inf\n",
        1,
        "verify.timeout cannot be Infinity",
        "it takes a number from 0.1 to 1000000000: seconds",
    ),
    "number for a text": (
        "workflow.name = 1\n",
        1,
        "workflow.name cannot be 1",
        "it takes a string: the workflow's name in trailers; default: the folder's",
    ),
    "no program's argument": (
        'verify.setup = "a\\u0000"\n',
        1,
        'verify.setup cannot be "a\\u0000"',
        "it takes a string: run once per worktree, before anything else",
    ),
    "text for a list": (
        'verify.copy = ".env"\n',
        1,
        'verify.copy cannot be ".env"',
        "it takes a list of strings: ignored files to copy into each worktree",
    ),
    "numbers in a list": (
        'verify.copy = [\n"a", 1]\n',
        1,
        'verify.copy cannot be ["a", 1]',
        "it takes a list of strings: ignored files to copy into each worktree",
    ),
    "frequency": (
        "checkpoint.every = 'often'\n",
        1,
        'checkpoint.every cannot be "often"',
        "it takes task | phase | session | auto | minutes as a number",
    ),
    "endless minutes": (
        f"checkpoint.every = '{'9' * 5000}'\n",
        1,
        f'checkpoint.every cannot be "{"9" * 78}…',
        "it takes task | phase | session | auto | minutes as a number",
    ),
    "more minutes than a day": (
        "checkpoint.every = 1441\n",
        1,
        "checkpoint.every cannot be 1441",
        "it takes task | phase | session | auto | minutes as a number",
    ),
    "agent kind": (
        "[agents.x]\nkind = 'magic'\n",
        2,
        'agents.x.kind cannot be "magic"',
        f"it takes one of: {', '.join(KINDS)}",
    ),
    "agent kind as a list": (
        "[agents.x]\nkind = ['command']\n",
        2,
        'agents.x.kind cannot be ["command"]',
        f"it takes one of: {', '.join(KINDS)}",
    ),
    "agent value": (
        "[agents.x]\ncommand = 'x'\n",
        2,
        'agents.x.command cannot be "x"',
        "it takes a list of strings",
    ),
    "no command": (
        "\n[agents.x]\ntimeout = 3\n",
        2,
        "agents.x has no command",
        'add: command = ["your-agent", "{files}"]',
    ),
    "no command over lines": (
        "[agents]\na.idle = 1\na.timeout = 2\n",
        2,
        "agents.a has no command",
        'add: command = ["your-agent", "{files}"]',
    ),
    "no script": (
        "[agents.x]\nkind = 'scripted'\n",
        1,
        "agents.x has no script",
        'add: script = "script.toml"',
    ),
    "agents a scalar": ("\nagents = 3\n", 2, "agents must be a table", "write [agents.NAME] on a line of its own"),
    "agents a list": ("[[agents]]\n", 1, "agents must be a table", "write [agents.NAME] on a line of its own"),
    "agent a scalar": ("[agents]\nx = 'y'\n", 2, "agents.x must be a table", "write [agents.x] on a line of its own"),
    "agent a list": ("[[agents.x]]\n", 1, "agents.x must be a table", "write [agents.x] on a line of its own"),
    "section a scalar": ("limits = 3\n", 1, "limits must be a table", "write [limits] on a line of its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_key_or_value_is_refused_with_its_line_and_the_fix(home: Path, name: str) -> None:
    text, line, message, hint = REFUSED[name]
    error = refusal(home, text)
    assert (str(error), error.hint) == (f"orchestrator.toml:{line}: {message}", hint)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\n[limits\n", 2),
        ("x = 1\n\ny = \n", 3),
        ("x = 1\ny = [1,\n2\n", 3),
        ("x = 1\nx = 2\n", 2),
        ("\n\nx = 2026-13-41\n", 3),
        (f"x = 1\ny = {'9' * 5000}\n", 2),
        (f"x = [\n1]\ny = {'[' * 9000}{']' * 9000}\n", 3),
    ],
    ids=["header", "no value", "open list", "twice", "date", "digits", "depth"],
)
def test_what_is_no_toml_is_refused_with_its_line(home: Path, text: str, line: int) -> None:
    error = refusal(home, text)
    assert str(error).startswith(f"orchestrator.toml:{line}: not valid TOML: ")
    assert error.hint == "strings need quotes; see https://toml.io"


@pytest.mark.parametrize("key", ["x" + ".a" * 100, "[x" + " . 'a'" * 100 + "]", "x = {y" + '."a\\""' * 100 + " = 1}"])
def test_a_key_of_too_many_names_is_refused_before_it_costs_hours(home: Path, key: str) -> None:
    error = refusal(home, f"# {key}\n{key} = 1\n")
    assert (str(error), error.hint) == ("orchestrator.toml:2: a key of more than 64 names", "shorten it")


def test_many_dots_are_no_long_key(home: Path) -> None:
    numbers = ", ".join(["1.5"] * 100)
    _, found = from_text(home, f"[tool.x]\ny = [{numbers}]\n# {'.a' * 100}\nz = '{'.a' * 100}'\n", "pyproject.toml")
    assert {origin for _, origin in found.values()} == {"default"}


def test_a_file_of_more_than_128_kib_is_refused(home: Path) -> None:
    error = refusal(home, "#\n" * (1 << 16) + "#")
    assert (str(error), error.hint) == (
        "orchestrator.toml:65537: larger than 128 KiB",
        "move what is not orchestrator's to a file of its own",
    )


def test_a_refusal_says_no_more_than_can_be_read(home: Path) -> None:
    assert len(str(refusal(home, f"{'x' * 100_000} = 1\n"))) < 350


def test_what_is_not_utf_8_is_refused_with_its_line(home: Path) -> None:
    error = refusal(home, b"[verify]\n# na\xefve\n")
    assert (str(error), error.hint) == ("orchestrator.toml:2: not UTF-8", "save it as UTF-8")


@pytest.mark.parametrize("name", [FILE, "pyproject.toml"])
def test_a_folder_in_the_place_of_a_file_is_refused(home: Path, name: str) -> None:
    (home / "project" / name).mkdir()
    error = refused(home)
    assert (str(error), error.hint) == (
        f"{name}:1: cannot be read: Is a directory",
        f"make it a file that you may read: ls -ld {name}",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read_is_refused(home: Path) -> None:
    (home / "project" / FILE).write_text("")
    (home / "project" / FILE).chmod(0)
    assert str(refused(home)) == "orchestrator.toml:1: cannot be read: Permission denied"


def test_a_refusal_in_the_user_s_file_names_that_file(home: Path) -> None:
    user = home / "user/orchestrator/config.toml"
    user.write_text("\nlimits.jobz = 3\n")
    assert str(refused(home)) == f"{user}:2: unknown key limits.jobz"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.orchestrator.limits]\njobs = 0\n", "2: limits.jobs cannot be 0"),
        ("[tool.orchestrator]\n\nlimit.jobs = 1\n", "3: unknown key limit.jobs"),
        ("[tool]\norchestrator = 3\n", "2: tool.orchestrator must be a table"),
        ("[tool\n", "1: not valid TOML: "),
    ],
)
def test_a_refusal_in_pyproject_names_its_line(home: Path, text: str, said: str) -> None:
    assert str(refusal(home, text, "pyproject.toml")).startswith(f"pyproject.toml:{said}")


@pytest.mark.parametrize("text", ["many", "0", "-1", "4.0", "", "9" * 5000, "٣", "\udcff"])
def test_a_wrong_value_in_the_environment_is_refused(home: Path, text: str) -> None:
    error = refused(home, {"ORCHESTRATOR_LIMITS_JOBS": text})
    assert str(error).startswith("environment: limits.jobs cannot be ")
    assert (error.hint, len(str(error)) < 150) == (WHOLE, True)


@pytest.mark.parametrize("value", ["\udcff", "a\0b"])
def test_bytes_that_are_no_text_are_refused_in_the_environment(home: Path, value: str) -> None:
    assert refused(home, {"ORCHESTRATOR_VERIFY_COMMAND": value}).where == "environment"


def test_the_program_says_line_and_fix_and_shows_no_traceback(repo: Repo) -> None:
    repo.write(FILE, "[agents]\nx = 3\n")
    said = repo.run("config", "show", code=5)
    assert said.out == ""
    assert said.err == (
        "error: orchestrator.toml:2: agents.x must be a table\nhint: write [agents.x] on a line of its own\n"
    )


# Whatever is written

WORDS = (
    'limits verify agents tool orchestrator x \'a.b\' "" jobs timeout command kind script env copy every ü "\\u0000"'
)
NUMBERS = '1 0 -3 2.5 inf -nan true 1e400 0xff 2026-01-02 2026-99-99 07:32:00 "auto" "15" \'\' "\\u0000"'
LARGE = ["9" * 5000, "0x" + "f" * 9000, "[" * 2000, '"""\n[limits]\njobs = 1"""', "'''a'\n'''"]

NAMES = st.sampled_from([*WORDS.split(), '"my agent"'])
DOTTED = st.lists(NAMES, min_size=1, max_size=5).map(".".join) | st.sampled_from(
    [*KEYS, "agents.x.command", "agents.x.timeout", "tool.orchestrator.limits.jobs", ".".join("a" * 300)]
)
SCALARS = st.sampled_from([*NUMBERS.split(), *LARGE]) | st.text(max_size=8).map(lambda text: f'"{text}"')
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(DOTTED, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=4,
)
LINES = st.one_of(
    st.sampled_from(
        ["limits.jobs = 2", "[verify]", "timeout = 3", "[agents.y]", "command = ['x']", "kind = 'scripted'"]
    ),
    DOTTED.map(lambda key: f"[{key}]"),
    DOTTED.map(lambda key: f"[[{key}]]"),
    st.builds("{} = {}".format, DOTTED, VALUES),
    st.just("# [limits]"),
    st.text(max_size=12),
)
TEXTS = st.lists(LINES, max_size=6).map("\n".join).map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@settings(max_examples=400, deadline=None)
@given(content=TEXTS | st.binary(max_size=40), name=st.sampled_from([FILE, "pyproject.toml"]))
@example(content=b"limits.jobs = [{" + b".".join([b"a"] * 3000) + b" = 1}]", name=FILE)
@example(content=b"limits.jobs" + b".a" * 3000 + b" = 1", name=FILE)
@example(content=b"[" + b".".join([b"a"] * 3000) + b"]", name=FILE)
@example(content=b"x = 1\r\r\n", name=FILE)
def test_whatever_is_written_is_taken_or_refused_with_its_line(workshop: Path, content: bytes, name: str) -> None:
    for other in (FILE, "pyproject.toml"):
        (workshop / other).unlink(missing_ok=True)
    (workshop / name).write_bytes(content)
    answer = outcome(workshop)
    if isinstance(answer, OrchestratorError):
        assert (answer.code, bool(answer.hint)) == (Exit.PRECONDITION, True)
        places = [answer.where]
    else:
        places = [origin for origin in answer if origin != "default"]
    for place in places:
        line = re.fullmatch(rf"{re.escape(name)}:([0-9]+)", place)
        assert line, place
        assert 1 <= int(line[1]) <= content.count(b"\n") + 1


def outcome(root: Path) -> list[str] | OrchestratorError:
    try:
        return [item.origin for item in load(root, {"XDG_CONFIG_HOME": str(root / "none")})[1]]
    except OrchestratorError as error:
        return error


DECOYS = st.sampled_from(
    [
        "# [tool.orchestrator.limits]",
        "jobs{} = 1",
        "a{} = '''\n[tool.orchestrator.limits]\njobs = 1\n'''",
        'b{} = """\\"""\n[tool.orchestrator.limits]\njobs = 1\n"""',
        'c{} = """"" \n""""" # "',
        'd{} = [ # [\n  \'[\', "]\\"",\n\n]',
        "e{} = {{ jobs = [\n1] }}",
        "[limits.n{}]",
        "[[tool.other.limits{}]]\njobs = 1",
        "[tool.orchestrator_{}]\nlimits.jobs = 1",
        "",
    ]
)


@given(before=st.lists(DECOYS, max_size=8), after=st.lists(DECOYS, max_size=3))
def test_a_key_is_found_whatever_stands_around_it(workshop: Path, before: list[str], after: list[str]) -> None:
    (workshop / FILE).unlink(missing_ok=True)
    above = "".join(decoy.format(number) + "\n" for number, decoy in enumerate(before))
    below = "[z]\n" + "".join(decoy.format(number + 100) + "\n" for number, decoy in enumerate(after))
    text = f"{above}[tool.orchestrator.limits]\njobs = 7\n{below}"
    (workshop / "pyproject.toml").write_text(text)
    _, found = load(workshop, {"XDG_CONFIG_HOME": str(workshop / "none")})
    line = above.count("\n") + 2
    assert {(item.value, item.origin) for item in found if item.key == "limits.jobs"} == {(7, f"pyproject.toml:{line}")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "agents.claude has no model"),
        ('model = "m"\neffort = "huge"', "agents.claude.effort cannot be"),
        ('model = "m"\nsandbox = "on"', "agents.claude.sandbox cannot be"),
        ('model = "m"\nturns = 0', "agents.claude.turns cannot be"),
    ],
)
def test_what_an_anthropic_agent_needs(repo: Repo, line: str, said: str) -> None:
    repo.write(FILE, f'[agents.claude]\nkind = "anthropic"\n{line}\n')
    assert said in repo.run("config", "show", code=5).err
