"""The state: the seed's example as printed, and edits that leave a person's bytes alone."""

from pathlib import Path

import pytest

from orchestrator.documents.state import Blocking, PhaseRow, PhaseStatus, Progress, State
from orchestrator.errors import DocumentError

SEED = (Path(__file__).parent / "seeds" / "workflow-state.md").read_bytes()


def changed(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """The lines that are gone and those that are new; all others keep their order."""
    old, new = before.decode().split("\n"), after.decode().split("\n")
    gone, fresh = [line for line in old if line not in new], [line for line in new if line not in old]
    assert [line for line in old if line not in gone] == [line for line in new if line not in fresh]
    return gone, fresh


def test_the_seeds_state() -> None:
    state = State.parse(SEED)
    assert state.render() == SEED
    assert (state.phase, state.started, state.last_checkpoint) == (
        "IMPLEMENTING",
        "2026-02-22 09:00",
        "2026-02-22 11:30",
    )
    assert state.phases[1] == PhaseRow("Implementing", PhaseStatus.IN_PROGRESS, "09:45", "--", 11 + 1)
    assert state.progress[0] == Progress("Database schema", True, "abc123", False, 17)  # noqa: FBT003
    assert [item.title for item in state.progress if item.current] == ["API routes: feedback, suggestions"]
    assert (state.blocking, len(state.decisions)) == ((), 3)


def test_every_edit_changes_its_lines_alone() -> None:
    state = State.parse(SEED)
    assert changed(SEED, state.with_field("current phase", "TESTING").render()) == (
        ["**Current phase**: IMPLEMENTING"],
        ["**Current phase**: TESTING"],
    )
    assert changed(SEED, state.with_field("Workflow", "w").render()) == ([], ["**Workflow**: w"])
    assert changed(SEED, state.with_decisions(["why\nnot"], lambda _: False, 40).render()) == ([], ["- why not"])
    assert changed(SEED, state.with_blocking({"t1": "boom"}, lambda _: True).render()) == (["(none)"], ["- `t1`: boom"])
    rows = [PhaseRow("testing", PhaseStatus.BLOCKED, "1|2"), PhaseRow("New", PhaseStatus.PENDING)]
    assert changed(SEED, state.with_phase_rows(rows).render()) == (
        ["| Testing | PENDING | -- | -- |"],
        ["| Testing | BLOCKED | 1\\|2 | -- |", "| New | PENDING | -- | -- |"],
    )


def test_an_edit_that_says_the_same_changes_nothing() -> None:
    state = State.parse(SEED)
    same = (
        state.with_field("Current phase", state.phase).with_phase_rows(state.phases).with_blocking({}, lambda _: True)
    )
    assert same.with_progress(state.progress, lambda _item: True).render() == SEED


def test_padding_of_a_table_stays_where_it_can() -> None:
    source = b"**Current phase**: A\n## Phase Status\n|  Status      | Phase |\n|---|---|\n|  in progress | A     |\n"
    state = State.parse(source).with_phase_rows([PhaseRow("a", PhaseStatus.COMPLETE)])
    assert b"|  COMPLETE    | A     |\n" in state.render()


def test_progress_keeps_a_persons_lines_and_notes_move_with_their_item() -> None:
    source = (
        "**Current phase**: A\n## Progress\nprose\n* [ ] one\n  note of one\n- [ ] mine\n"
        "\n* [ ] two\n* [ ] three\n\nend\n"
    )
    items = [
        Progress("two", done=True, commit="abc"),
        Progress("one", done=False),
        Progress("four", done=False, current=True),
    ]
    state = State.parse(source.encode()).with_progress(
        [*items, Progress("five", done=False)], lambda item: item.title != "mine"
    )
    assert state.render().decode().partition("prose\n")[2] == (
        "* [x] two (committed: abc)\n- [ ] mine\n\n* [ ] one\n  note of one\n"
        "* [ ] four  <-- CURRENT\n* [ ] five\n\nend\n"
    )
    fewer = State.parse(source.encode()).with_progress([], lambda item: item.title != "mine")
    assert fewer.render().decode().partition("prose\n")[2] == "  note of one\n- [ ] mine\n\n\nend\n"


def test_blocking_keeps_a_persons_lines() -> None:
    source = b"**Current phase**: A\n## Blocking Issues\nprose\n- mine\n- `a`: old\n- `b`: gone\n\n## Next\n"
    state = State.parse(source).with_blocking({"a": "new", "c": "more"}, lambda _: True)
    assert state.render() == (
        b"**Current phase**: A\n## Blocking Issues\nprose\n- mine\n- `a`: new\n- `c`: more\n\n## Next\n"
    )
    assert state.blocking == (Blocking("", "mine", 4), Blocking("a", "new", 5), Blocking("c", "more", 6))
    assert b"(none)" not in state.with_blocking({}, lambda _: True).render()


def test_blocking_keeps_a_line_with_a_key_that_is_not_ours() -> None:
    state = State.parse(b"**Current phase**: A\n## Blocking Issues\n- `key`: Ann's\n- `a`: old\n")
    kept = state.with_blocking({}, lambda issue: issue.key == "a")
    assert kept.render() == b"**Current phase**: A\n## Blocking Issues\n- `key`: Ann's\n"


def test_none_stands_exactly_when_the_list_is_empty() -> None:
    state = State.parse(b"**Current phase**: A\r\n## Blocking Issues\r\n- `a`: x\r\n\r\n## Next\r\n")
    empty = state.with_blocking({}, lambda _: True)
    assert empty.render() == b"**Current phase**: A\r\n## Blocking Issues\r\n(none)\r\n\r\n## Next\r\n"
    assert empty.with_blocking({"a": "x"}, lambda _: True).render() == state.render()


def test_sections_are_made_where_they_are_missing() -> None:
    state = State.parse(b"**Current phase**: A")
    state = (
        state.with_phase_rows([PhaseRow("A", PhaseStatus.PENDING)])
        .with_blocking({}, lambda _: True)
        .with_decisions(["d"], lambda _: False, 40)
    )
    state = state.with_progress([Progress("t", done=False)], lambda _item: True)
    assert state.render() == (
        b"**Current phase**: A\n\n## Phase Status\n| Phase | Status | Entered | Completed |\n"
        b"|---|---|---|---|\n"
        b"| A | PENDING | -- | -- |\n\n## Blocking Issues\n(none)\n\n## Decisions Log\n- d\n\n"
        b"## Progress\n- [ ] t"
    )


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("\n# T\n", 2, "`**Current phase**` is missing"),
        ("**Current phase**:\n", 1, "`**Current phase**` is missing"),
        (
            "**Current phase**: A\n## Phase Status\n|Phase|Status|\n|-|-|\n|A|DONE|\n",
            5,
            "the phase status `DONE` is unknown",
        ),
        (
            "**Current phase**: A\n## Phase Status\n\n| A | 1 | 2 | 3 |\n",
            4,
            "the phase table has no columns `Phase` and `Status`",
        ),
        ("**Current phase**: A\n## Progress\n- [>] x\n", 3, "`[>]` is not a checkbox"),
        (
            "**Current phase**: A\n**current phase**: B\n",
            2,
            "`**current phase**` stands twice (first in line 1)",
        ),
    ],
)
def test_refusals_name_the_line(source: str, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        State.parse(source.encode())
    assert (caught.value.where, caught.value.message) == (f"workflow-state.md:{line}", message)
    assert caught.value.hint
