"""Both adapters pass the public conformance suite."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from orchestrator.agents.command import CommandAgent
from orchestrator.agents.conformance import AgentConformance, Behaviour
from orchestrator.agents.script import Script, Step
from orchestrator.agents.scripted import ScriptedAgent

STUB = """
import json, os, pathlib, subprocess, sys, time
wanted = json.loads(pathlib.Path(sys.argv[1]).read_text())
spec = sys.stdin.read()
for name, text in wanted["write"].items():
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if wanted["echo"]:
    pathlib.Path(wanted["echo"]).write_text(spec)
if wanted["result"]:
    pathlib.Path(os.environ["ORCHESTRATOR_RESULT"]).write_text(wanted["result"])
sys.stderr.write(wanted["say"])
if wanted["hang"]:
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    time.sleep(60)
sys.exit({"complete": 0, "transient": 75, "failed": 1}[wanted["exit"]])
"""


class TestCommandAgent(AgentConformance):
    def make_agent(self, behaviour: Behaviour, folder: Path) -> CommandAgent:
        (folder / "stub.py").write_text(STUB)
        (folder / "wanted.json").write_text(json.dumps(asdict(behaviour)))
        argv = (sys.executable, "-X", "utf8", str(folder / "stub.py"), str(folder / "wanted.json"))
        return CommandAgent("stub", argv, base_env=os.environ)

    def make_missing(self, folder: Path) -> CommandAgent:
        return CommandAgent("stub", (str(folder / "no such program"),), base_env=os.environ)


class TestScriptedAgent(AgentConformance):
    def make_agent(self, behaviour: Behaviour, folder: Path) -> ScriptedAgent:
        del folder
        return ScriptedAgent("script", Script((Step(**asdict(behaviour)),)))

    def make_missing(self, folder: Path) -> ScriptedAgent:
        return ScriptedAgent("script", folder / "no such script.toml")
