"""Hostile texts to the planner and from it: they stay data in its questions, and in the documents it writes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from planned import MODEL, outline, spec, task

from orchestrator.config import AgentConfig
from orchestrator.documents.spec import Spec
from orchestrator.leader.planner import answers, asking, checks, papers
from orchestrator.leader.planner.asking import Again, Matter
from orchestrator.leader.planner.papers import Known
from orchestrator.leader.planner.reading import Repository, Sight
from orchestrator.plaintext import safe_text
from orchestrator.repo.git import Git
from roles.hostile import TEXTS
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
