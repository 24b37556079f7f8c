"""Hostile texts to the planner and from it: they stay data in its questions, and in the documents it writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from harness import Repo
from planned import MODEL, Json, outline, script, shop, spec, specs_of, task

from orchestrator import policy
from orchestrator.config import AgentConfig
from orchestrator.documents import paths
from orchestrator.documents.spec import Spec
from orchestrator.documents.todo import Todo
from orchestrator.leader.planner import answers, asking, checks, papers
from orchestrator.leader.planner.asking import Again, Matter
from orchestrator.leader.planner.papers import Known
from orchestrator.leader.planner.reading import Repository, Sight
from orchestrator.models.structured import UnfitError
from orchestrator.plaintext import safe_text
from orchestrator.plan import DEFAULT_PHASES
from orchestrator.repo.git import Git
from orchestrator.testing import FakeAPI
from roles.hostile import MARK, TEXTS, some
from roles.judges import at
from roles.test_injection import outside

AGENT = AgentConfig("claude", kind="anthropic", model=MODEL)
KNOWN = Known(frozenset({"shop/add.py", "shop/tax.py"}))
MATTER = Matter("x", Sight("x", (("x", "x"),)), KNOWN, "x", "x")
PLAN = answers.outline(outline(task("add", "shop/add.py"), task("tax", "shop/tax.py")))
NOWHERE = Repository(Git(Path(), {}), {})


def first(**changed: object) -> str:
    return str(asking.outline(AGENT, replace(MATTER, **changed)).messages[0]["content"])  # type: ignore[arg-type]


def again(text: str) -> str:
    last = answers.outline(outline({**task("add", "shop/add.py"), "title": f"x {text}"}))
    return str(asking.outline(AGENT, MATTER, Again(last, [f"x {text}"])).messages[0]["content"])


def second(text: str) -> str:
    tasks = [replace(PLAN.tasks[0], title=f"x {text}")]
    plan = replace(PLAN, summary=f"x {text}")
    return str(asking.specs(AGENT, MATTER, NOWHERE, plan, tasks, {}).messages[0]["content"])


CHANNELS: Mapping[str, Callable[[str], str]] = {
    "goal": lambda text: first(goal=text),
    "file name": lambda text: first(sight=Sight(text, ((text, "x"),))),
    "file": lambda text: first(sight=Sight("x", (("x", text),))),
    "rejection": lambda text: first(refused=text),
    "own outline": again,
    "own summary and title": second,
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_text_leaves_its_fence_and_none_is_a_template(
    channel: str, record_property: Callable[[str, object], None]
) -> None:
    prompt = CHANNELS[channel]
    for name, text in TEXTS.items():
        assert outside(prompt(text)) == outside(prompt("x")), name
        assert safe_text(prompt(text)) == prompt(text), name
    record_property("texts", len(TEXTS))


FIELDS: Mapping[str, Callable[[str], dict[str, object]]] = {
    "goal": lambda text: spec("add", "shop/add.py", goal=text),
    "what": lambda text: spec("add", "shop/add.py", files=[{"path": "shop/add.py", "what": text}]),
    "requirement": lambda text: spec("add", "shop/add.py", requirements=[text, "It adds"]),
    "constraint": lambda text: spec("add", "shop/add.py", constraints=[text]),
    "check": lambda text: spec("add", "shop/add.py", check=text),
    "reads": lambda text: spec("add", "shop/add.py", reads=[text]),
    "path": lambda text: spec("add", text),
}


@pytest.mark.parametrize("field", FIELDS)
def test_what_a_spec_says_never_widens_what_its_agent_may_do(
    field: str, record_property: Callable[[str, object], None]
) -> None:
    taken = 0
    for name, text in TEXTS.items():
        said = answers.reader(["add"])({"specs": [FIELDS[field](text)]})["add"]
        if checks.of_spec(KNOWN, PLAN, PLAN.tasks[0], said):
            continue
        taken += 1
        read = Spec.parse(papers.spec_document(PLAN.tasks[0], said), "specs/add.md")
        assert [(file.path, file.shared) for file in read.files] == [("shop/add.py", False)], name
        assert (read.agent, read.allow, read.review, read.draft, read.timeout) == ("", (), None, False, None), name
        assert read.acceptance == said.check.strip(), name  # what runs is what was tried
    record_property("taken as data", taken)
    record_property("refused", len(TEXTS) - taken)


def test_what_a_title_says_never_becomes_another_task(record_property: Callable[[str, object], None]) -> None:
    taken = 0
    for name, text in TEXTS.items():
        plan = answers.outline(outline({**task("add", "shop/add.py"), "title": text}, task("tax", "shop/tax.py")))
        if checks.of_outline(KNOWN, plan):
            continue
        taken += 1
        todo, _ = papers.whole(KNOWN, plan, {})
        assert [(each.id, each.after, each.mark.value) for each in todo.tasks] == [
            ("add", (), " "),
            ("tax", (), " "),
        ], name
    record_property("taken as data", taken)


OUTLINES: Mapping[str, Callable[[str], dict[str, object]]] = {
    "summary": lambda text: {"summary": text},
    "phases": lambda text: {"phases": ["IMPLEMENTING", text]},
    "drop": lambda text: {"drop": [text]},
    "decisions": lambda text: {"decisions": [text]},
    "id": lambda text: {"tasks": [{**task("add", "shop/add.py"), "id": text}]},
    "title": lambda text: {"tasks": [{**task("add", "shop/add.py"), "title": text}]},
    "phase": lambda text: {"tasks": [{**task("add", "shop/add.py"), "phase": text}]},
    "after": lambda text: {"tasks": [{**task("add", "shop/add.py"), "after": [text]}]},
    "path": lambda text: {"tasks": [task("add", text, new=True)]},
    "new": lambda text: {"tasks": [{**task("add"), "files": [{"path": "shop/add.py", "new": text}]}]},
    "one field more": lambda text: {text: text},
}
DATA = {"summary", "decisions", "title"}  # what may say anything; `path` takes odd names, all else words of the format


@pytest.mark.parametrize("field", OUTLINES)
def test_what_an_outline_says_is_data_or_refused(field: str, record_property: Callable[[str, object], None]) -> None:
    taken = 0
    for name, text in TEXTS.items():
        try:
            plan = answers.outline({**outline(task("add", "shop/add.py")), **OUTLINES[field](text)})
        except UnfitError:
            continue
        if checks.of_outline(KNOWN, plan):
            continue
        taken += 1
        assert field in {*DATA, "path"}, name
        assert not any(paths.fault(path) or policy.protected(path) for path in plan.tasks[0].paths), name
        todo, whole = papers.whole(KNOWN, plan, {})
        assert [(each.id, each.after, each.mark.value) for each in todo.tasks] == [("add", (), " ")], name
        assert whole.phases == DEFAULT_PHASES, name
    record_property("taken as data", taken)
    record_property("refused", len(TEXTS) - taken)
    assert taken == len(TEXTS) if field in DATA else taken < len(TEXTS) // 4


KEYS = {
    *("Workflow", "Gate", "Goal-Sha", "Planned-by", "Sandbox", "Tokens", "Cost-Usd", "Checkpoint", "Phase", "Epoch"),
}


def hostile_plan(texts: Sequence[str]) -> tuple[Json, dict[str, Json]]:
    """A plan with a text in every field that may say anything."""
    fields = iter(texts * 12)
    plan = outline({**task("add", "shop/add.py"), "title": next(fields)}, task("tax", "shop/tax.py"))
    plan |= {"summary": next(fields), "decisions": [next(fields), next(fields)]}
    files = [{"path": "shop/add.py", "what": next(fields)}]
    more = {"requirements": [f"It says {next(fields)}"], "constraints": [f"It says {next(fields)}"]}
    return plan, specs_of(plan, add=spec("add", "shop/add.py", goal=next(fields), files=files, **more))


@pytest.mark.slow
def test_a_hostile_repository_and_a_model_that_obeys_it_open_no_gate(
    repo: Repo, record_property: Callable[[str, object], None]
) -> None:
    shop(repo)
    texts = list(some().values())
    plans = [texts[start : start + 8] for start in range(0, len(texts), 8)]
    taken = 0
    for number, few in enumerate(plans):
        repo.write("README.md", few[0])
        repo.write("CLAUDE.md", few[-1].replace("orchestrator:", "someone:"))
        repo.write(f"shop/{number} ## x\n- [ ] other: y\u202e", few[0])
        first = repo.commit("a shop")
        plan, contracts = hostile_plan(few)
        with FakeAPI(script(plan, contracts)) as fake:
            said = repo.run("plan", f"Add. {few[1]}".replace("\0", ""), env=at(fake), code=None)
            assert {len(each.body.get("tools", ())) for each in fake.requests if each.method == "POST"} == {0}
        shown = said.out + said.err
        assert safe_text(shown) == shown
        if said.code:
            assert repo.git("rev-parse", "HEAD") == first, shown
        else:
            taken += 1
            waits(repo, first)
            repo.git("reset", "-q", "--hard", first)
        assert [*repo.root.parent.rglob(MARK)] == []
    record_property("plans taken", taken)
    record_property("plans refused", len(plans) - taken)
    assert taken


def waits(repo: Repo, first: str) -> None:
    """Hold the commit of a plan against what a plan may write."""
    said = repo.git("log", "--format=%(trailers:only,unfold)", f"{first}..HEAD")
    trailers = [line.partition(": ")[::2] for line in said.split("\n") if line]
    assert {key for key, _ in trailers} <= KEYS
    assert [value for key, value in trailers if key == "Gate"] == ["0001 waits"]
    changed = repo.git("diff", "-z", "--name-only", first, "HEAD").strip("\0").split("\0")
    (checkpoint,) = [path for path in changed if path.startswith("checkpoints/0001-")]
    assert sorted(changed) == sorted([checkpoint, "TODO.md", "specs/add.md", "specs/tax.md", "workflow-state.md"])
    todo = Todo.parse((repo.root / "TODO.md").read_bytes(), "TODO.md")
    assert [(each.id, each.after, each.mark.value) for each in todo.tasks] == [("add", (), " "), ("tax", (), " ")]
    read = Spec.parse((repo.root / "specs/add.md").read_bytes(), "specs/add.md")
    assert [file.path for file in read.files] == ["shop/add.py"]
    assert (read.agent, read.model, read.allow, read.review, read.draft) == ("", "", (), None, False)
    told = repo.run("run", code=3)
    assert "checkpoint 0001 waits for a person: nothing starts before it is approved" in told.out
    assert repo.landed() == []
