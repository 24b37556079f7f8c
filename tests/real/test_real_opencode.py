"""The real OpenCode, as a row of the table, carries a spec out against the fake of the Messages API."""

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
from installed import opencode

from orchestrator.agents.formatted import FormattedAgent
from orchestrator.agents.protocol import Answer, Assignment
from orchestrator.testing import FakeAPI, Reply, Rule, Script, ToolUse

pytestmark = pytest.mark.real

MODEL = "anthropic/claude-sonnet-4-5"


def test_a_spec_becomes_files_and_its_session_goes_on(tmp_path: Path) -> None:
    worktree, logs = tmp_path / "worktree", tmp_path / "logs"
    subprocess.run(["git", "init", "-q", worktree], check=True)
    assignment = Assignment(
        task="greet",
        attempt=1,
        spec="GREETING in hello.txt\n",
        spec_path=logs / "spec.md",
        result_path=logs / "result.md",
        files=("hello.txt",),
        worktree=worktree,
        logs=logs,
        token=f"real {tmp_path}/",
        timeout=180,
        idle=None,
    )
    write = ToolUse("write", {"filePath": str(worktree / "hello.txt"), "content": "hello\n"})
    rules = [Rule("GREETING", [Reply([write]), Reply("Written.")]), Rule("You were stopped", [Reply("Still there.")])]
    with FakeAPI(Script(rules, otherwise=Reply("a title"))) as fake:
        provider = {"anthropic": {"options": {"baseURL": f"{fake.url}/v1", "apiKey": fake.key}}}
        settings = json.dumps({"provider": provider, "share": "disabled", "autoupdate": False})
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENCODE_CONFIG_CONTENT": settings}
        agent = FormattedAgent("coder", "opencode", (str(opencode()), "run", "--format", "json"), MODEL, (), env)
        agent.check()

        def run() -> Answer:
            return agent.run(assignment, cancel=threading.Event(), transcript=lambda _name, _facts: None)

        first, titles = run(), fake.usage()
        assert (first.failure, (worktree / "hello.txt").read_text()) == (None, "hello\n")
        assert 0 < first.usage.output <= titles["output_tokens"]
        assert first.micros > 0

        second = run()
        assert second.failure is None
        assert second.usage.output > first.usage.output
        assert any(
            "GREETING" in json.dumps(got.body) for got in fake.requests if "You were stopped" in json.dumps(got.body)
        )
