"""What the README says is fed to the program: verbs exist, examples parse, CI runs the same test command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Repo
from readme_blocks import README, blocks

from orchestrator.agents.roster import roster
from orchestrator.cli.app import VERBS
from orchestrator.config import load
from orchestrator.documents.spec import Spec, lint
from orchestrator.documents.todo import Todo
from orchestrator.errors import Exit

TEXT = README.read_text()
_EXAMPLE = re.compile(r"^<!-- example: ([\w-]+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(_EXAMPLE.findall(TEXT))
CALLS = sorted(set(re.findall(r"(?:`|^|/|; )orchestrator ([a-z][a-z-]*)((?: --?[a-z-]+)*)", TEXT, re.MULTILINE)))


@pytest.mark.parametrize(("verb", "flags"), CALLS)
def test_every_call_it_shows_exists(repo: Repo, verb: str, flags: str) -> None:
    assert verb in VERBS
    said = repo.run(verb, "--help").out
    assert [flag for flag in flags.split() if flag not in said] == []


def test_it_shows_calls_at_all() -> None:
    assert {"init", "run", "status", "brief", "doctor", "demo"} <= {verb for verb, _ in CALLS}


def test_its_todo_is_a_plan() -> None:
    todo = Todo.parse(EXAMPLES["todo"].encode(), "TODO.md")
    assert [(task.id, task.title, task.after) for task in todo.tasks] == [
        ("parser", "read the new format", ()),
        ("writer", "write the new format", ("parser",)),
    ]


def test_its_spec_has_nothing_to_complain_about() -> None:
    spec = Spec.parse(EXAMPLES["spec"].encode(), "specs/parser.md")
    assert [file.path for file in spec.files] == ["shop/parser.py", "tests/test_parser.py"]
    assert lint(spec) == ()


def test_its_configuration_is_taken(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text(EXAMPLES["config"])
    config, _settings = load(tmp_path, {})
    assert config.agents["mine"].command == ("./my-agent.sh", "{task}", "{files}")
    assert (config.verify, config.link, config.attempts) == ("make test", (".venv",), 3)


def test_its_coding_agents_are_taken(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text(EXAMPLES["coding-agents"])
    config, _settings = load(tmp_path, {})
    agents = roster(config, tmp_path, {}, tmp_path)
    kinds = {name: type(agent).__name__ for name, agent in agents.items()}
    assert kinds == {"claude-code": "ClaudeCode", "codex": "Codex", "gemini": "FormattedAgent"}
    assert config.worker == "claude-code"


def test_its_worked_example_plans_one_task_per_module(repo: Repo) -> None:
    for module in ("one", "two"):
        repo.write(f"boltons/{module}.py", "x = 1\n")
    repo.write("boltons/__init__.py", "")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", blocks()["plan"]],
        cwd=repo.root,
        env=repo.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = repo.run("task", "list", "--json").json
    assert listed["ok"]
    assert repo.run("spec", "lint").code == Exit.DONE
    assert "one" in str(listed["data"])
    assert "two" in str(listed["data"])


def test_its_first_commands_are_what_a_stranger_needs() -> None:
    named = [name for name in blocks() if name in {"demo", "tests"}]
    assert named == list(blocks())[:2] == ["demo", "tests"]
    for name in named:
        assert blocks()[name].startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_ci_runs_its_test_command() -> None:
    command = blocks()["tests"].rpartition(" && ")[2]
    ci = (README.parent / ".ci" / "run").read_text()
    assert ci.endswith(command)


def test_the_codes_it_names_are_the_ones_the_program_lists(repo: Repo) -> None:
    said = repo.run("help", "exit-codes").out
    for code, word in ((0, "done"), (1, "fail"), (3, "wait")):
        line = next(line for line in said.split("\n") if line.split()[:1] == [str(code)])
        assert word in line


def test_the_pythons_it_names_are_the_ones_it_is_built_for() -> None:
    assert "Python 3.11 or newer" in TEXT
    assert 'requires-python = ">=3.11"' in (README.parent / "pyproject.toml").read_text()
    assert sys.version_info >= (3, 11)
