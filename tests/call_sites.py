"""Every place where the program asks a model: a project that gets there, what the fake says, and what must come of it."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness import Repo, Said
from hurried import Stable
from planned import OUTLINE_MARK, SPECS_MARK, outline, script, shop, task
from roles.judges import ACCEPT, RESOLVE, REVIEW, at, configured, merged
from roles.judges import script as judges

from orchestrator.testing import FakeAPI, Reply, Request, Script, ToolUse

RETRIES = 1
ATTEMPTS = 2
LIMITS = f"[limits]\nretries = {RETRIES}\nattempts = {ATTEMPTS}\nbackoff = 0.02\njobs = 2\ndrain = 60\n"
DEADLINE = 3.0  # seconds of a call that is to meet it
AMPLE = 60.0  # of every other
PLAN = outline(task("add", "shop/add.py"))
GOAL = "Make the shop add"
_OFTEN = 3
DONE = {"status": "complete", "summary": "done", "files": [], "decisions": [], "tests_needed": [], "issues": []}
STEPS = (
    ToolUse("write", {"path": "x.txt", "content": "new\n"}),
    ToolUse("bash", {"command": "cat x.txt"}),
    ToolUse("result", DONE),
)
# b, made from the same base, ends only once a has landed, so that it finds the branch moved.
MEETING = """
if [ "$ORCHESTRATOR_TASK" = b ]; then
  for i in $(seq 300); do grep -qx a ../../../x.txt && break; sleep 0.1; done
fi
echo "$ORCHESTRATOR_TASK" > x.txt
"""


@dataclass(frozen=True)
class Call:
    """One call as the program sent it: what it asked, how that ended, whether it was no answer at all, its seconds."""

    asked: str
    ended: str
    broken: bool
    seconds: float


@dataclass
class Site:
    """One place, in one repository.

    Attributes:
        stable: calls the program.
        repo: the project that gets there.
        fake: what it asks.
        verb: the call that gets there.
        here: whether a request is made there.
        before: what the branch has of `file` until the answer from there is taken.
        after: what it has at the end.
        file: which file the answer is about.
    """

    stable: Stable
    repo: Repo
    fake: FakeAPI
    verb: tuple[str, ...]
    here: Callable[[Request], bool]
    before: str
    after: str
    file: str = "x.txt"
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        """Begin with no call."""
        self.log = self.repo.root.parent / "calls.jsonl"
        self.repo.env |= at(self.fake)

    def go(self, seconds: float, stop_after: Callable[[Request], bool] | None = None) -> Said:
        """Call the program, no call of a model having more than `seconds`.

        Press Ctrl-C twice, as somebody who has waited long enough, once `stop_after` holds for three requests.
        """
        pid = self.stable.start(self.verb, self.repo.root, self.repo.env, seconds, self.log)
        try:
            if stop_after:
                self._wait(stop_after)
        finally:
            if stop_after:
                os.kill(pid, signal.SIGINT)
                time.sleep(0.2)  # two that come at once are heard as one
                with suppress(ProcessLookupError):  # the first may have been enough
                    os.kill(pid, signal.SIGINT)
            said = self.stable.end(self.log)
        return said

    def call(self, *argv: str) -> Said:
        """Call the program with all the time there is."""
        self.stable.start(argv, self.repo.root, self.repo.env, AMPLE, self.log)
        return self.stable.end(self.log)

    def _wait(self, when: Callable[[Request], bool]) -> None:
        seen = 0
        while seen < _OFTEN:
            sent = [each for each in self.fake.requests if each.path == "/v1/messages" and each.body]
            seen = sum(when(Request(each.body)) for each in sent)
            assert self.fake.wait(len(self.fake.requests) + (seen < _OFTEN), 60)

    def calls(self) -> list[Call]:
        """Return the calls so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [Call(*json.loads(line)) for line in lines]

    def holds(self) -> str:
        """Return what the branch says in the file."""
        return self.repo.git("show", f"HEAD:{self.file}") + "\n"

    def again(self) -> None:
        """Do what the program says that has to be done, now that nothing goes wrong any more."""
        self.fake.heal()
        for name in (
            re.findall(r"^- \[.\] (\w+):", self.repo.read("TODO.md"), re.MULTILINE) if self.verb == ("run",) else ()
        ):
            self.call("retry", name)
        said = self.call(*self.verb)
        assert said.code == 0, said.out + said.err


def _plan(stable: Stable, repo: Repo, fake: FakeAPI, mark: str) -> Site:
    shop(repo)
    repo.write("orchestrator.toml", repo.read("orchestrator.toml") + LIMITS)
    repo.commit("limits")
    fake.script = script(PLAN)
    before = repo.read("README.md")
    return Site(stable, repo, fake, ("plan", GOAL), lambda request: mark in request.newest, before, before, "README.md")


def outline_site(stable: Stable, repo: Repo, fake: FakeAPI) -> Site:
    """The planner's first question."""
    return _plan(stable, repo, fake, OUTLINE_MARK)


def specs_site(stable: Stable, repo: Repo, fake: FakeAPI) -> Site:
    """The planner's second question."""
    return _plan(stable, repo, fake, SPECS_MARK)


def worker_site(stable: Stable, repo: Repo, fake: FakeAPI) -> Site:
    """The second turn of the built-in agent."""
    _one(repo, "t")
    repo.write("orchestrator.toml", f'[agents.claude]\nkind = "anthropic"\nmodel = "claude-opus-5-5"\n{LIMITS}')
    repo.commit("a project")

    def work(request: Request) -> Reply:
        good = [said for turn in request.turns for said in turn.of("tool_result") if not said.get("is_error")]
        return Reply(STEPS[len(good)])

    fake.script = Script(otherwise=work)
    return Site(stable, repo, fake, ("run",), lambda request: len(request.turns) >= 3, "old\n", "new\n")


def reviewer_site(stable: Stable, repo: Repo, fake: FakeAPI) -> Site:
    """The review of a change."""
    _one(repo, "t")
    configured(repo, '[[attempt]]\nwrite = {"x.txt" = "new\\n"}\n', more=LIMITS)
    repo.commit("a project")
    fake.script = judges(review=ACCEPT)
    return Site(stable, repo, fake, ("run",), lambda request: request.system.startswith(REVIEW), "old\n", "new\n")


def resolver_site(stable: Stable, repo: Repo, fake: FakeAPI) -> Site:
    """The merge of two changes of one line."""
    repo.write("x.txt", "old\n")
    repo.spec("a", "x.txt (shared)")
    repo.spec("b", "x.txt (shared)")
    repo.task("a: do a", "b: do b")
    repo.write("agent.sh", MEETING)
    configured(repo, "", reviewer="", resolver="judge", more=LIMITS)
    scripted = 'kind = "scripted"\nscript = ".agent.toml"'
    repo.write("orchestrator.toml", repo.read("orchestrator.toml").replace(scripted, 'command = ["sh", "agent.sh"]'))
    repo.commit("a project")
    fake.script = judges(resolve=merged("a and b\n"))
    return Site(stable, repo, fake, ("run",), lambda request: request.system.startswith(RESOLVE), "a\n", "a and b\n")


def _one(repo: Repo, name: str) -> None:
    repo.write("x.txt", "old\n")
    repo.spec(name, "x.txt")
    repo.task(f"{name}: do {name}")


SITES: Mapping[str, Callable[[Stable, Repo, FakeAPI], Site]] = {
    "outline": outline_site,
    "specs": specs_site,
    "worker": worker_site,
    "reviewer": reviewer_site,
    "resolver": resolver_site,
}
