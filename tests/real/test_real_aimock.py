"""The built-in agent against aimock, a fake of the Messages API that others wrote: what it sends is not ours to believe."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Repo
from installed import aimock

pytestmark = pytest.mark.real

DONE = {"status": "complete", "summary": "greeted", "files": ["hello.txt"]}
EMPTY: dict[str, list[str]] = {"decisions": [], "tests_needed": [], "issues": []}


def uses(name: str, **arguments: object) -> dict[str, Any]:
    return {"toolCalls": [{"name": name, "arguments": arguments}]}


WRITE = uses("write", path="hello.txt", content="hello\n")
RESULT = uses("result", **DONE, **EMPTY)
BUSY = {"error": {"message": "busy", "type": "overloaded_error"}, "status": 529}


def fixture(response: dict[str, Any], *, worked: bool, number: int | None = None, **more: object) -> dict[str, Any]:
    """What it answers once a tool has been used, or before; `number` counts such questions from 0."""
    counted = {} if number is None else {"sequenceIndex": number}
    match = {"userMessage": "GREETING", "hasToolResult": worked, **counted}
    return {"match": match, "response": response, **more}


@pytest.fixture
def project(repo: Repo) -> Repo:
    repo.task("greet: say hello")
    repo.spec("greet", "hello.txt", goal="GREETING, in `hello.txt`.")
    agent = '[agents.claude]\nkind = "anthropic"\nmodel = "claude-opus-5-5"\n'
    repo.write("orchestrator.toml", f"{agent}\n[limits]\nbackoff = 0.1\n")
    repo.commit("a project")
    return repo


@pytest.fixture
def served(project: Repo, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Repo]:
    """The project, with aimock answering as the test's parameter says."""
    fixtures = tmp_path / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": request.param}))
    command = ["node", str(aimock()), "--port", "0", "--fixtures", str(fixtures), "--strict"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            said = iter(server.stdout or ())
            url = next(found[1] for line in said if (found := re.search(r"listening on (http://\S+)", line)))
            project.env |= {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": url}
            yield project
        finally:
            server.terminate()


@pytest.mark.parametrize(
    "served",
    [
        pytest.param([fixture(WRITE, worked=False), fixture(RESULT, worked=True)], id="well"),
        pytest.param(
            [fixture(BUSY, worked=False, number=0), fixture(WRITE, worked=False), fixture(RESULT, worked=True)],
            id="busy",
        ),
        pytest.param(
            [
                fixture(WRITE, worked=False, number=0, truncateAfterChunks=3),
                fixture(WRITE, worked=False),
                fixture(RESULT, worked=True),
            ],
            id="cut",
        ),
    ],
    indirect=True,
)
def test_a_spec_is_carried_out(served: Repo) -> None:
    served.run("run")
    assert served.read("hello.txt") == "hello\n"
    assert served.landed() == ["greet"]
    assert "Attempt: 1" in served.git("log", "-1", "--format=%B", "--grep=^Task: greet")
