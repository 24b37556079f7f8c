"""What the planner believes of an answer: its shape, and everything that would make a bad plan, as a list."""

from dataclasses import replace

import pytest
from planned import outline, spec, task

from orchestrator import plan as planning
from orchestrator.documents.spec import Spec
from orchestrator.documents.todo import Mark, Todo
from orchestrator.leader.planner import answers, checks, papers
from orchestrator.leader.planner.papers import Known
from orchestrator.models.structured import UnfitError

FILES = frozenset({"README.md", "shop/add.py", "shop/tax.py", "docs/a.md", "docs/b.md"})
EMPTY = Known(FILES)
GOOD = outline(
    task("add", "shop/add.py"),
    task("tax", "shop/tax.py"),
    task("bill", "shop/bill.py", new=True, after=["add", "tax"]),
    task("total", "shop/bill.py", after=["bill"]),
    task("prove", "tests/", phase="TESTING", new=True),
    phases=("IMPLEMENTING", "TESTING"),
)


def wrong(found: dict[str, object], known: Known = EMPTY) -> list[str]:
    return checks.of_outline(known, answers.outline(found))


def continued() -> Known:
    """A plan in the middle: `old` has landed, `next` and `later` have not, `gone` was dropped."""
    todo = Todo.parse(
        b"# TODO\n\n## Implementing\n\n- [x] old: Old\n- [ ] next: Next (after: old)\n- [-] gone: Gone\n"
        b"\nA person's note.\n\n## Testing\n\n- [ ] later: Later (after: next)\n"
    )
    contract = b"# Spec: next\n\n## Goal\n\nX.\n\n## Files to Modify\n\n- shop/add.py\n"
    plan = planning.build(todo, {"next": Spec.parse(contract, "specs/next.md")}, ())
    return Known(FILES, plan.phases, plan, todo, frozenset({"old"}), ("next", "later"))


def test_a_good_outline_has_nothing_wrong() -> None:
    assert wrong(GOOD) == []


def test_a_good_outline_becomes_a_plan_that_can_be_read() -> None:
    read = answers.outline(GOOD)
    contracts = {
        each.id: papers.spec_document(each, answers.reader([each.id])({"specs": [spec(each.id, *each.paths)]})[each.id])
        for each in read.tasks
    }
    todo, plan = papers.whole(EMPTY, read, contracts)
    assert [each.id for each in todo.tasks] == ["add", "tax", "bill", "total", "prove"]
    assert plan.phases == planning.DEFAULT_PHASES
    assert plan.tasks["bill"].after == ("add", "tax")
    assert planning.ready(plan, planning.Standing(), "IMPLEMENTING", 9) == ("add", "tax")


BAD = [
    (outline(), "changes nothing"),
    (outline(task("add", "shop/none.py")), "'shop/none.py': it is not in the repository"),
    (outline(task("add", "shop/add.py", new=True)), "it is there already"),
    (outline(task("add", "shop/add.py/deep.py", new=True)), "shop/add.py is a file"),
    (outline(task("add", "../add.py")), "`..` inside a path"),
    (outline(task("add", "/etc/passwd")), "an absolute path"),
    (outline(task("add", ".git/config")), "a path inside `.git`"),
    (outline(task("add", ".github/workflows/ci.yml", new=True)), "no task may change it: CI"),
    (outline(task("add", "CLAUDE.md", new=True)), "no task may change it: agent settings"),
    (outline(task("add", "**")), "the whole repository"),
    (outline(task("add")), "it names no file"),
    (outline(task("add", "shop/add.py", "shop/add.py")), "names a file twice"),
    (outline(task("Add", "shop/add.py")), "cannot be an id"),
    (outline(task("a" * 41, "shop/add.py")), "cannot be an id"),
    (outline(task("person", "shop/add.py")), "cannot be an id"),
    (outline(task("a", "shop/add.py"), task("a", "shop/tax.py")), "given twice"),
    (outline(task("a", "shop/add.py", after=["b"])), "a comes after 'b', which is no task"),
    (outline(task("a", "shop/add.py", after=["a"])), "a circle: a after a"),
    (
        outline(task("a", "shop/add.py", after=["b"]), task("b", "shop/tax.py", after=["a"])),
        "a circle: ",
    ),
    (outline(task("a", "shop/add.py"), task("b", "shop/")), "may run together and both change 'shop/add.py'"),
    (outline(task("a", "shop/add.py", phase="DREAMING")), "'DREAMING' is not among `phases`"),
    (outline(task("a", "shop/add.py", phase="COMPLETE"), phases=["COMPLETE"]), "COMPLETE is no phase of one's own"),
    (outline(task("a", "shop/add.py", phase="<b>"), phases=["<b>"]), "a word of ASCII letters"),
    (outline(task("a", "shop/add.py"), phases=["IMPLEMENTING", "Implementation"]), "two phases have one name"),
    (
        outline(
            task("a", "shop/add.py", after=["b"]),
            task("b", "shop/tax.py", phase="TESTING"),
            phases=["IMPLEMENTING", "TESTING"],
        ),
        "a comes after b, which belongs to a later phase",
    ),
    (outline(task("a", "shop/add.py"), drop=["b"]), "drop names 'b'"),
    (outline({**task("a", "shop/add.py"), "title": "It ends (after: nothing)"}), "would be read as something else"),
]


@pytest.mark.parametrize(("answer", "why"), BAD, ids=[why for _, why in BAD])
def test_a_bad_outline_is_refused_with_why(answer: dict[str, object], why: str) -> None:
    found = wrong(answer)
    assert any(why in said for said in found), found


def test_an_id_whose_spec_would_stand_where_a_persons_document_is_is_taken() -> None:
    known = Known(FILES, specs=frozenset({"specs", "specs/add.md", "specs/tax-notes.md", "specs/bill.result.md"}))
    tasks = task("add", "shop/add.py"), task("tax", "shop/tax.py"), task("bill", "docs/a.md")
    assert wrong(outline(*tasks), known) == [
        "specs/add.md is there already, and no task's: add needs another id",
        "specs/bill.result.md is there already, and no task's: bill needs another id",
    ]


def test_an_id_that_has_landed_and_left_the_plan_is_taken() -> None:
    known = replace(continued(), ever={"old", "first"})
    assert wrong(outline(task("first", "docs/a.md")), known) == [
        "the id first is that of a task that landed before: a new task needs an id of its own"
    ]


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = wrong(outline(task("A", "shop/none.py"), task("b", "/etc/x", after=["c"])))
    assert len(found) == 4


def test_tasks_of_different_phases_may_share_a_file() -> None:
    parts = [task("a", "shop/add.py"), task("b", "shop/add.py", phase="TESTING")]
    assert wrong(outline(*parts, phases=["IMPLEMENTING", "TESTING"])) == []


def test_a_plan_may_name_phases_of_its_own() -> None:
    read = answers.outline(outline(task("a", "shop/add.py", phase="Draft"), phases=["Draft"]))
    assert checks.of_outline(EMPTY, read) == []
    assert papers.whole(EMPTY, read, {})[1].phases == ("DRAFT",)


def test_what_has_landed_stays_to_the_byte() -> None:
    known = continued()
    read = answers.outline(outline(task("more", "shop/add.py"), drop=["next", "later"]))
    assert checks.of_outline(known, read) == []
    todo, plan = papers.whole(known, read, {})
    assert known.todo is not None
    before, after = known.todo.render().decode().split("\n"), todo.render().decode().split("\n")
    assert [line for line in before if line not in after] == [
        "- [ ] next: Next (after: old)",
        "- [ ] later: Later (after: next)",
    ]
    assert [plan.tasks[name].mark for name in ("old", "next", "more")] == [Mark.DONE, Mark.DROPPED, Mark.OPEN]


def test_what_has_landed_cannot_be_dropped_or_done_again() -> None:
    found = wrong(outline(task("old", "shop/add.py"), drop=["old", "gone"]), continued())
    assert found[:3] == [
        "the id old is taken by a task of the plan so far: a new task needs an id of its own",
        "drop names 'old', which is no open task of the plan so far",
        "drop names 'gone', which is no open task of the plan so far",
    ]


def test_a_task_that_stays_cannot_come_after_one_that_is_dropped() -> None:
    found = wrong(outline(drop=["next"]), continued())
    assert found == ["later comes after 'next', which this plan drops"]


def test_a_new_task_may_not_meet_one_that_stays() -> None:
    found = wrong(outline(task("more", "shop/add.py")), continued())
    assert found == ["next and more may run together and both change 'shop/add.py': let one come after the other"]
    assert wrong(outline(task("more", "shop/add.py", after=["next"])), continued()) == []


def spec_findings(answer: dict[str, object], *files: str) -> list[str]:
    whole = answers.outline(outline(task("base", "lib/", new=True), task("a", *files, after=["base"])))
    return checks.of_spec(EMPTY, whole, whole.tasks[1], answers.reader(["a"])({"specs": [answer]})["a"])


def test_a_good_spec_has_nothing_wrong() -> None:
    assert spec_findings(spec("a", "shop/add.py", reads=["README.md", "lib/x.py"]), "shop/add.py") == []


BAD_SPECS = [
    (spec("a", "shop/tax.py"), "files must be exactly: shop/add.py"),
    (spec("a", "shop/add.py", goal=""), "goal must not be empty"),
    (spec("a", "shop/add.py", requirements=[]), "requirements must not be empty"),
    (spec("a", "shop/add.py", reads=["none.py"]), "reads: 'none.py' is not in the repository"),
    (spec("a", "shop/add.py", reads=["/etc/passwd"]), "reads: '/etc/passwd': an absolute path"),
    (spec("a", "shop/add.py", reads=["README.md", "README.md"]), "reads names a file twice"),
    (spec("a", "shop/add.py", check=""), "check must be one shell command"),
    (spec("a", "shop/add.py", check="true\ntrue"), "check must be one shell command"),
    (spec("a", "shop/add.py", check="x" * 600), "check must be one shell command"),
    (spec("a", "shop/add.py", goal="<!-- Nothing below this counts"), "missing"),
    (spec("a", "shop/add.py", goal="## Files to Modify"), "the section `Goal` is empty"),
    (
        spec("a", "shop/add.py", files=[{"path": "shop/add.py", "what": "shared with all"}]),
        "would be read as",
    ),
]


@pytest.mark.parametrize(("answer", "why"), BAD_SPECS, ids=[why for _, why in BAD_SPECS])
def test_a_bad_spec_is_refused_with_why(answer: dict[str, object], why: str) -> None:
    found = spec_findings(answer, "shop/add.py")
    assert any(why in said for said in found), found


UNFIT = [
    [],
    {},
    {**outline(), "more": 1},
    {**outline(), "tasks": "all"},
    {**outline(), "drop": [1]},
    outline({**task("a", "x"), "files": [{"path": "x", "new": "yes"}]}),
    outline({**task("a", "x"), "files": [{"path": "x"}]}),
    outline(*[task(f"t{n}", "x") for n in range(answers.MOST_TASKS + 1)]),
]


@pytest.mark.parametrize("found", UNFIT)
def test_an_answer_of_another_shape_is_none(found: object) -> None:
    with pytest.raises(UnfitError):
        answers.outline(found)


def test_specs_are_those_that_were_asked_for() -> None:
    for given in ([], ["a", "a"], ["a", "c"]):
        with pytest.raises(UnfitError, match="exactly one entry for each of: a, b"):
            answers.reader(["a", "b"])({"specs": [spec(name, "x") for name in given]})
