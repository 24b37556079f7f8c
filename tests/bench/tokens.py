"""Leader tokens: what planning and leading a project takes, beside the same project in one growing conversation.

Both are measured on what was really sent: the bodies of the requests and the answers, at three bytes a token. Schemas
count as input, and so does what the cache has: it is cheaper, not absent.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from harness import Repo
from planned import CONFIG, MODEL, script

from bench.report import Report, ratio
from bench.watching import WrongError
from orchestrator.budget import Usage
from orchestrator.config import AgentConfig, load
from orchestrator.leader.planner import asking, reading
from orchestrator.leader.planner.papers import Known
from orchestrator.models.call import Call
from orchestrator.models.door import Door
from orchestrator.models.prices import prices
from orchestrator.repo.git import Git
from orchestrator.repo.trees import entries
from orchestrator.testing import FakeAPI, Received, Reply, Script, Structured

GOAL = (
    "The shop gets a price list. Every department has a module with a function that returns the price of an article,"
    " its tax included, refuses what it does not sell, and is covered by tests that a newcomer can read."
)
_BYTES = 3  # a token
_FILES = 120
_COLUMNS = ("case", "specs", "requests", "input", "of it cached", "output", "tokens", "each further spec", "ratio")
_SAME = (
    "the conversation has the same look at the repository, writes the same outline and the same specs, and reads of each"
    " task what its result document says"
)
_NOTES = (
    "input: prompts, conversations and schemas as sent; tokens: input and output, at three bytes a token",
    "neither thinks here: with a model that does, its thinking is output on both sides",
    "ratio: the conversation's tokens by ours",
    _SAME,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Spent:
    """What one leader sent and was answered."""

    requests: int
    usage: Usage

    @property
    def read(self) -> int:
        """Tokens of input, the cached ones among them."""
        return self.usage.input + self.usage.cached + self.usage.kept

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.usage.total


def tokens(folder: Path, sizes: Sequence[int]) -> Report:
    """Plan, and lead to the end, a project of so many specs, at each size; then the same in one conversation."""
    report = Report("Leader tokens", _COLUMNS, notes=list(_NOTES))
    before: dict[str, tuple[int, Spent]] = {}
    for size in sizes:
        repo, ours = led(folder / f"project-{size}", size)
        theirs = conversed(repo, size)
        for name, spent in (("orchestrator", ours), ("one growing conversation", theirs)):
            further = _further(before.get(name), (size, spent))
            times = ratio(theirs.tokens, ours.tokens) if spent is theirs else None
            report.row(
                case=name,
                specs=size,
                requests=spent.requests,
                input=spent.read,
                of_it_cached=spent.usage.cached,
                output=spent.usage.output,
                tokens=spent.tokens,
                each_further_spec=further,
                ratio=times,
            )
            before[name] = (size, spent)
        report.notes.append(_dollars(size, ours, theirs))
    return report


def _further(before: tuple[int, Spent] | None, now: tuple[int, Spent]) -> float | None:
    return (now[1].tokens - before[1].tokens) / (now[0] - before[0]) if before else None


def _dollars(size: int, ours: Spent, theirs: Spent) -> str:
    known = prices()
    cost = [known.cost(MODEL, spent.usage) / 1e6 for spent in (ours, theirs)]
    return f"{size} specs at the list prices of {MODEL}: {cost[0]:.4f} USD, {cost[1]:.4f} USD where the cache has all it can"


def outline(size: int) -> Json:
    """The outline of the project: a module and its tests for each department."""
    return {
        "summary": "Every department gets a module with its prices and a function that looks one up, and tests of it."
        " The modules do not know each other, so all of them can be written at the same time.",
        "phases": ["IMPLEMENTING"],
        "drop": [],
        "tasks": [_task(number) for number in range(size)],
        "decisions": ["Prices are whole cents, so that no rounding can differ between departments"],
    }


def _paths(number: int) -> tuple[str, str]:
    return f"shop/dept{number:03}.py", f"tests/test_dept{number:03}.py"


def _task(number: int) -> Json:
    module, tests = _paths(number)
    return {
        "id": f"dept-{number:03}",
        "title": f"Give department {number:03} its price list, with tests",
        "phase": "IMPLEMENTING",
        "after": [],
        "files": [{"path": module, "new": False}, {"path": tests, "new": True}],
    }


def spec(number: int) -> Json:
    """The spec of one task, as long as a careful planner writes it."""
    module, tests = _paths(number)
    return {
        "task": f"dept-{number:03}",
        "goal": f"`price(article)` in {module} returns what an article of department {number:03} costs, tax included.",
        "reads": ["shop/tax.py"],
        "files": [
            {"path": module, "what": "the table of prices and the function price"},
            {"path": tests, "what": "tests of price, also for what is not sold"},
        ],
        "requirements": [
            "price(article: str) -> int returns whole cents, computed with with_tax of shop/tax.py",
            "An article that the department does not sell raises KeyError with the article's name in it",
            "The table has the ten articles that the comment at the top of the module lists",
            "The tests cover one known price, the tax on it, and an article that is not sold",
        ],
        "constraints": ["No other module changes, and with_tax is called, not copied"],
        "check": f"python -m unittest {tests}",
    }


def project(root: Path, size: int) -> Repo:
    """Write the repository: a shop of some hundred files, with agents whose work is in a script."""
    repo = Repo(root).init()
    repo.write("README.md", "# Shop\n\n" + "It sells what its departments have, at prices with tax.\n" * 20)
    repo.write("pyproject.toml", '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.11"\n')
    repo.write(
        "CLAUDE.md", "# Conventions\n\n" + "- Prices are whole cents. Names are English. Tests are unittest.\n" * 6
    )
    repo.write("shop/tax.py", "def with_tax(cents):\n    return cents * 120 // 100\n")
    for number in range(max(_FILES, size)):
        articles = "".join(f"# - article {number}-{article}\n" for article in range(10))
        repo.write(_paths(number)[0], f'"""Department {number:03}."""\n\n{articles}\n\ndef price(article):\n    ...\n')
    repo.write("orchestrator.toml", CONFIG)
    repo.write(".agent.toml", "\n".join(_attempt(number) for number in range(size)))
    repo.commit("a shop")
    return repo


def _attempt(number: int) -> str:
    module, tests = _paths(number)
    return (
        f'[[attempt]]\ntask = "dept-{number:03}"\nexit = "complete"\n'
        f"result = {json.dumps(result(number))}\n"
        f'write = {{"{module}" = "PRICES = {{}}\\n", "{tests}" = "# tests\\n"}}\n'
    )


def result(number: int) -> str:
    """The result document of one task, which is what a leader with a conversation reads."""
    module, tests = _paths(number)
    return (
        f"## Result: department {number:03}\n\n**Status**: Complete\n**Files changed**: {module}, {tests}\n"
        f"**Decisions**: the table is a dict of whole cents; an article that is not sold raises KeyError with its name\n"
        f"**Tests needed**: none beyond those in {tests}\n**Issues**: None\n"
    )


def led(root: Path, size: int) -> tuple[Repo, Spent]:
    """Plan, approve and run the project with the program; the workers cost nothing here."""
    repo = project(root, size)
    said = script(outline(size), {f"dept-{number:03}": spec(number) for number in range(size)})
    with FakeAPI(said) as fake:
        repo.env |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url}
        repo.run("plan", GOAL, timeout=600)
        repo.run("approve", "1")
        repo.run("run", "--jobs", "4", timeout=3600)
        spent = sent(fake.requests)
    if len(repo.landed()) != size:
        raise WrongError(f"{len(repo.landed())} of {size} tasks landed")
    return repo, spent


def conversed(repo: Repo, size: int) -> Spent:
    """Do the same in one conversation: it plans, writes each spec, and reads each result, with all before in sight."""
    with FakeAPI(Script(otherwise=Reply("-"))) as fake:
        first, system = _opening(repo)
        door = Door(key=fake.key, url=fake.url)
        messages: list[Mapping[str, Any]] = []
        for asked, answer in _turns(size, first):
            fake.script = Script(otherwise=answer)
            messages.append({"role": "user", "content": [_kept(asked)]})
            reply = door.send(Call(MODEL, system, _kept_once(messages), deadline=60.0), Event())
            messages.append({"role": "assistant", "content": list(reply.blocks)})
        return sent(fake.requests)


def _opening(repo: Repo) -> tuple[str, str]:
    """Return the first question and the system prompt as the program sent them: git has the goal and the repository."""
    git = Git(repo.root, repo.env)
    base = repo.git("rev-list", "--max-parents=0", "HEAD")
    config, _ = load(repo.root, repo.env)
    sight = reading.repository(git, entries(git, base)).look(GOAL, config.reading)
    call = asking.outline(
        AgentConfig("claude", model=MODEL), asking.Matter(GOAL, sight, Known(frozenset()), config.verify)
    )
    return str(call.messages[0]["content"]), call.system


def _turns(size: int, first: str) -> Iterator[tuple[str, Reply]]:
    yield first, Reply(Structured(outline(size)))
    for number in range(size):
        yield f"Write the spec of dept-{number:03}.", Reply(Structured(spec(number)))
    for number in range(size):
        yield f"dept-{number:03} is verified and has landed. Its result:\n\n{result(number)}", Reply("Good. Go on.")


def _kept(text: str) -> Json:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


def _kept_once(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Mark the last two questions alone: the cache takes few marks, and these read all before and keep the newest."""
    marked = [place for place, message in enumerate(messages) if message["role"] == "user"][-2:]
    return [message if place in marked else _unmarked(message) for place, message in enumerate(messages)]


def _unmarked(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if message["role"] != "user":
        return message
    return {**message, "content": [{"type": "text", "text": part["text"]} for part in message["content"]]}


def sent(requests: Sequence[Received]) -> Spent:
    """Add up what was sent and answered; a schema is input that no usage counts here."""
    made = [one for one in requests if one.path == "/v1/messages" and one.usage]
    total = Usage()
    for one in made:
        found = one.usage or {}
        schema = (one.body.get("output_config") or {}).get("format")
        counted = Usage(
            input=found["input_tokens"],
            cached=found["cache_read_input_tokens"],
            kept=found["cache_creation_input_tokens"],
            output=found["output_tokens"],
        )
        total += replace(counted, input=counted.input + (len(json.dumps(schema)) // _BYTES if schema else 0))
    return Spent(len(made), total)
