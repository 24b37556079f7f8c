"""Results and checkpoints: the seed's examples as printed, and the shapes an agent may write."""

from pathlib import Path

import pytest

from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.documents.result import AttemptRow, Result, Status
from orchestrator.errors import DocumentError

SEEDS = Path(__file__).parent / "seeds"


def test_the_seeds_result() -> None:
    data = (SEEDS / "result.md").read_bytes()
    result = Result.parse(data, "r.md")
    assert result.render() == data
    assert (result.title, result.status) == ("Feedback Endpoint", Status.COMPLETE)
    assert result.lines_added == "95-138 in src/index.ts"
    assert result.decisions == ("Used crypto.randomUUID() for feedback ID, consistent with existing patterns",)
    assert len(result.tests_needed) == 1
    assert (result.issues, result.files, result.attempts) == ((), (), ())


def test_fields_may_go_on_as_lists_and_lines() -> None:
    result = Result.parse(
        b"# Result: X\n\n**Status**: dead  LETTER\n**Files changed**: `a b.py`, c.py\n"
        b"**Decisions**:\n- one\n  more\n"
        b"1. two\n\n**Note**: mine\n**Issues**: first\nline\n- None\n\n## Attempts\n"
        b"| Status | Attempt | Why | Extra |\n|:--|--:|---|---|\n"
        b"| Failed | 1 | a \\| b | x |\n| Retry | 2 |\n\n## Other\n",
        "r.md",
    )
    assert (result.status, result.files) == (Status.DEAD, ("a b.py", "c.py"))
    assert (result.decisions, result.issues) == (("one more", "two"), ("first line",))
    assert result.attempts == (
        AttemptRow(1, "Failed", "", "", "", "a | b", ""),
        AttemptRow(2, "Retry", "", "", "", "", ""),
    )


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("", 1, "the heading `## Result: ...` is missing"),
        ("\n# Other\n## Result: X\n", 2, "the heading `## Result: ...` is missing"),
        ("\n## Result: X\n", 2, "`**Status**` is missing"),
        ("## Result: X\n\n**Status**: Done\n", 3, "the status `Done` is unknown"),
        (
            "## Result: X\n**Status**: Failed\n**Status**: Complete\n",
            3,
            "`**Status**` stands twice (first in line 2)",
        ),
        (
            "# Result: X\n**Status**: Failed\n## Attempts\n| Attempt |\n|---|\n| one |\n",
            6,
            "`one` is no attempt's number",
        ),
    ],
)
def test_refusals_name_the_line(source: str, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Result.parse(source.encode(), "r.md")
    assert (caught.value.where, caught.value.message) == (f"r.md:{line}", message)
    assert caught.value.hint


def test_a_table_has_a_last_row() -> None:
    rows = "| 1 | failed |\n" * 20_001
    with pytest.raises(DocumentError, match="more than 20,000 table rows") as caught:
        Result.parse(f"## Result: T\n**Status**: Failed\n### Attempts\n| Attempt | Status |\n{rows}".encode(), "r.md")
    assert caught.value.where == "r.md:20005"


def test_the_seeds_checkpoint() -> None:
    data = (SEEDS / "checkpoint.md").read_bytes()
    found = Checkpoint.parse(data, "c.md")
    assert found.render() == data
    assert (found.title, found.date) == ("API Routes 60% Complete", "2026-02-22 11:30")
    assert found.resumable == "Any agent with access to this repository"
    assert found.context[0] == "Read `CLAUDE.md` for project conventions"
    assert [len(part) for part in (found.context, found.summary, found.decisions, found.files)] == [
        4,
        3,
        4,
        3,
    ]
    assert found.next_actions[-1] == "Test all endpoints"


def test_a_checkpoint_may_lack_sections_and_not_its_heading() -> None:
    assert Checkpoint.parse(b"# Checkpoint: X\n", "c.md").next_actions == ()
    with pytest.raises(DocumentError) as caught:
        Checkpoint.parse(b"\n# Other\n", "c.md")
    assert caught.value.where == "c.md:2"
