"""The plan: what may start, what waits, what is refused. No thread, no disk."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import plan as planning
from orchestrator.documents.spec import Spec
from orchestrator.documents.todo import Todo
from orchestrator.errors import DocumentError
from orchestrator.plan import BLOCKED, COMPLETE, Plan, Standing


def todo(*lines: str) -> Todo:
    return Todo.parse(("\n".join(lines) + "\n").encode(), "TODO.md")


def spec(*files: str) -> Spec:
    listed = "\n".join(f"- {path}" for path in files)
    return Spec.parse(f"# Spec: x\n\n## Goal\n\nDo.\n\n## Files to Modify\n\n{listed}\n".encode(), "specs/x.md")


def plan(*lines: str, **files: str) -> Plan:
    made = todo("# TODO", "", "## Implementing", *lines)
    specs = {task.id: spec(files.get(task.id, f"{task.id}.txt")) for task in made.tasks}
    return planning.build(made, specs, ())


def ready(made: Plan, slots: int = 9, phase: str = "IMPLEMENTING", **groups: set[str]) -> tuple[str, ...]:
    return planning.ready(made, Standing(**groups), phase, slots)


def test_what_comes_after_nothing_starts_in_the_order_of_the_list() -> None:
    made = plan("- [ ] b: b", "- [ ] a: a", "- [ ] c: c (after: a)")
    assert ready(made) == ("b", "a")
    assert ready(made, slots=1) == ("b",)
    assert ready(made, done={"a", "b"}) == ("c",)


@pytest.mark.parametrize("group", ["done", "dropped", "dead", "running", "waiting", "held"])
def test_what_stands_elsewhere_does_not_start(group: str) -> None:
    assert ready(plan("- [ ] a: a", "- [ ] b: b"), **{group: {"a"}}) == ("b",)


def test_a_failed_task_blocks_its_dependents() -> None:
    made = plan("- [ ] a: a", "- [ ] b: b (after: a)", "- [ ] c: c (after: b)", "- [ ] d: d")
    assert ready(made, dead={"a"}) == ("d",)
    assert planning.stuck(made, Standing(dead={"a"})) == {
        "a": "a dead letter",
        "b": "waits for a",
        "c": "waits for b",
    }


def test_a_dropped_task_blocks_its_dependents_too() -> None:
    made = plan("- [-] a: a", "- [ ] b: b (after: a)")
    assert ready(made, dropped={"a"}) == ()
    assert planning.stuck(made, Standing(dropped={"a"})) == {"b": "waits for a"}


def test_a_task_without_a_spec_is_stuck() -> None:
    made = planning.build(todo("- [ ] a: a"), {}, ())
    assert planning.ready(made, Standing(), "IMPLEMENTING", 1) == ()
    assert planning.stuck(made, Standing()) == {"a": "no spec"}


def test_files_that_may_meet_keep_tasks_apart() -> None:
    made = plan("- [ ] a: a", "- [ ] b: b", "- [ ] c: c", a="src/", b="src/*.py", c="docs/x.md")
    assert ready(made) == ("a", "c")
    assert ready(made, running={"a"}) == ("c",)
    assert ready(made, waiting={"a"}) == ("c",)


def test_both_must_say_that_they_share() -> None:
    one, other = spec("a.py (shared, the top half)"), spec("a.py (shared)")
    assert not planning.overlap(one, other)
    assert planning.overlap(one, spec("a.py (the whole)"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["- [ ] a: a (after: b)", "- [ ] b: b (after: a)"], "TODO.md:5: a circle: a after b after a"),
        (["- [ ] a: a (after: a)"], "TODO.md:4: a circle: a after a"),
        (["- [ ] a: a (after: bb)", "- [ ] b: b"], "TODO.md:4: a comes after bb, which is no task"),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        plan(*lines)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "lines",
    [
        [f"- [ ] t{n}: t (after: t{(n + 1) % 100})" for n in range(100)],
        ["- [ ] a: a (after: " + "b" * 10_000 + ")"],
        ["- [ ] a: a", "## Someday" + " soon" * 1_000, "- [ ] b: b"],
    ],
)
def test_a_refusal_says_no_more_than_can_be_read(lines: list[str]) -> None:
    with pytest.raises(DocumentError) as caught:
        plan(*lines)
    assert len(caught.value.message) < 200


def test_a_dependency_on_a_later_phase_is_refused() -> None:
    with pytest.raises(DocumentError, match="belongs to the later phase TESTING"):
        planning.build(todo("## Implementing", "- [ ] a: a (after: b)", "## Testing", "- [ ] b: b"), {}, ())


def test_a_circle_of_ten_thousand_is_found_without_recursion() -> None:
    lines = [f"- [ ] t{n}: t (after: t{(n + 1) % 10_000})" for n in range(10_000)]
    start = time.monotonic()
    with pytest.raises(DocumentError, match="a circle"):
        plan(*lines)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("heading", "phase"),
    [
        ("Implementing", "IMPLEMENTING"),
        ("Phase 2: Implementation (2 hours)", "IMPLEMENTING"),
        ("TESTS", "TESTING"),
        ("Deployment", "DEPLOYING"),
        ("Plan", "PLANNING"),
        ("Test (a) (b", "TEST (A) (B"),
        ("Phase 1: Phase 2: Testing (a)  (b) ", "TESTING"),
        ("Research (a) (b)", "RESEARCH"),
        ("Testing (a))", "TESTING (A))"),
        ("Phase 3. Testing" + " " * 50_000 + "(b)", "TESTING"),
        ("Testing" + " " * 500 + "x", "TESTING" + " " * 500 + "X"),
    ],
)
def test_headings_mean_phases_however_a_person_spells_them(heading: str, phase: str) -> None:
    made = planning.build(todo("# TODO", f"## {heading}", "- [ ] a: a"), {}, ())
    assert made.phase_of == {"a": phase}


def test_a_projects_own_phases_come_from_its_headings() -> None:
    made = planning.build(todo("## Phase 1: Research", "- [ ] a: a", "## Phase 2: Writing", "- [ ] b: b"), {}, ())
    assert made.phases == ("RESEARCH", "WRITING")
    assert made.phase_of == {"a": "RESEARCH", "b": "WRITING"}


def test_one_phase_may_have_several_headings() -> None:
    made = planning.build(todo("## Research (first)", "- [ ] a: a", "## Research (second)", "- [ ] b: b"), {}, ())
    assert made.phases == ("RESEARCH",)


@pytest.mark.parametrize("heading", ["Blocked", "Complete (so far)", "(later)", "Phase 1:"])
def test_a_heading_that_cannot_be_a_phase_is_refused(heading: str) -> None:
    with pytest.raises(DocumentError, match=r"b stands under '.*', which is no phase") as caught:
        planning.build(todo("# TODO", "## Research", "- [ ] a: a", f"## {heading}", "- [ ] b: b"), {}, ())
    assert caught.value.hint.startswith("move it under one of: RESEARCH;")


def test_a_heading_that_is_no_phase_is_refused_beside_ones_that_are() -> None:
    with pytest.raises(DocumentError) as caught:
        planning.build(todo("# TODO", "## Testing", "- [ ] a: a", "## Someday", "- [ ] b: b"), {}, ())
    assert str(caught.value) == "TODO.md:5: b stands under 'Someday', which is no phase"


def test_a_heading_within_a_phase_is_fine() -> None:
    made = planning.build(todo("# TODO", "## Testing", "### Backend", "- [ ] a: a"), {}, ())
    assert made.phase_of == {"a": "TESTING"}


def test_phases_open_one_after_the_other() -> None:
    made = planning.build(
        todo("## Planning", "- [ ] a: a", "## Testing", "- [ ] b: b"), {"a": spec("a"), "b": spec("b")}, ()
    )
    assert planning.ready(made, Standing(), "PLANNING", 9) == ("a",)
    assert planning.current_phase(made, Standing(), "PLANNING") == "PLANNING"
    assert planning.current_phase(made, Standing(done={"a"}), "PLANNING") == "TESTING"
    assert planning.current_phase(made, Standing(done={"a", "b"}), "PLANNING") == COMPLETE
    assert planning.current_phase(made, Standing(done={"a"}, dropped={"b"}), "TESTING") == COMPLETE


def test_a_blocked_workflow_starts_nothing_until_a_person_says_so() -> None:
    made = plan("- [ ] a: a")
    assert planning.ready(made, Standing(), BLOCKED, 9) == ()
    assert planning.current_phase(made, Standing(done={"a"}), BLOCKED) == BLOCKED


def test_new_tasks_reopen_a_complete_workflow() -> None:
    assert planning.current_phase(plan("- [ ] a: a"), Standing(), COMPLETE) == "IMPLEMENTING"


def test_a_task_for_a_person_is_theirs_alone() -> None:
    text = b"# Spec: a\n\n**Agent**: person\n\n## Goal\n\nDo.\n\n## Files to Modify\n\n- a.txt\n"
    made = planning.build(
        todo("- [ ] a: a", "- [ ] b: b"), {"a": Spec.parse(text, "specs/a.md"), "b": spec("b.txt")}, ()
    )
    assert ready(made) == ("b",)
    assert planning.ready(made, Standing(), "IMPLEMENTING", 9, by_hand=True) == ("a", "b")
    assert planning.stuck(made, Standing()) == {"a": "for a person"}


FILES = ["a.py", "A.py", "src/", "src/a.py", "SRC/a.py", "src/*.py", "src/a.py (shared)", "lib", "lib/b", "**/b", "*"]


@given(
    st.lists(
        st.lists(st.sampled_from(FILES), min_size=1, max_size=3, unique_by=lambda name: name.split()[0]),
        min_size=1,
        max_size=5,
    ),
    st.data(),
)
def test_a_territory_says_what_the_pairs_of_its_specs_say(files: list[list[str]], data: st.DataObject) -> None:
    specs = [spec(*names) for names in files]
    candidate = data.draw(st.sampled_from(specs))
    others = [other for other in specs if other is not candidate]
    assert planning.Territory(others).meets(candidate) == any(planning.overlap(candidate, other) for other in others)
