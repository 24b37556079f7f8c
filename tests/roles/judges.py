"""A project whose changes are reviewed and merged by models: the scripted agent works, the fake API judges."""

import json
from collections.abc import Callable
from typing import Any

from harness import Repo

from orchestrator.testing import FakeAPI, Received, Reply, Request, Rule, Script, Structured

REVIEW = "You review one change"
RESOLVE = "You merge two changes"
ACCEPT = {"verdict": "accept", "summary": "It does what the spec says.", "findings": []}


def reject(problem: str, file: str = "", line: int = 0) -> dict[str, Any]:
    return {
        "verdict": "reject",
        "summary": "It does not do what the spec says.",
        "findings": [{"file": file, "line": line, "problem": problem}],
    }


def merged(*texts: str) -> dict[str, Any]:
    regions = [{"number": number, "text": text} for number, text in enumerate(texts, 1)]
    return {"decision": "merged", "why": "Both go together.", "regions": regions}


UNSURE = {"decision": "unsure", "why": "One wants 1, the other 2: which is right?", "regions": []}

Says = Callable[[Request], Any]


def script(*, review: Says | dict[str, Any] = ACCEPT, resolve: Says | dict[str, Any] = UNSURE) -> Script:
    """What the two roles say, by what they are asked; a function is given the request."""

    def saying(says: Says | dict[str, Any]) -> Callable[[Request], Reply]:
        return lambda request: Reply(Structured(says(request) if callable(says) else says))

    def asked(role: str) -> Callable[[Request], bool]:
        return lambda request: request.system.startswith(role)

    return Script([Rule(asked(role), [saying(says)] * 3) for role, says in ((REVIEW, review), (RESOLVE, resolve))])


def calls(fake: FakeAPI, role: str) -> list[Received]:
    return [each for each in fake.requests if each.path == "/v1/messages" and role in json.dumps(each.body)]


def configured(
    repo: Repo, agents: str, *, verify: str = "", reviewer: str = "judge", resolver: str = "", more: str = ""
) -> None:
    """Write orchestrator.toml with a scripted worker and one model in both roles."""
    repo.write(".agent.toml", agents)
    repo.write(
        "orchestrator.toml",
        '[agents.scripted]\nkind = "scripted"\nscript = ".agent.toml"\n\n'
        '[agents.judge]\nkind = "anthropic"\nmodel = "claude-opus-5-5"\n\n'
        f'[roles]\nworker = "scripted"\nreviewer = "{reviewer}"\nresolver = "{resolver}"\n\n'
        f"[verify]\ncommand = {json.dumps(verify)}\n\n{more}\n",
    )


def at(fake: FakeAPI) -> dict[str, str]:
    """The environment in which the program finds the fake."""
    return {"ANTHROPIC_BASE_URL": fake.url, "ANTHROPIC_API_KEY": fake.key}
