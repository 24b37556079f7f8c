"""Specs: the seed's example as printed, what a path may be, and the metadata."""

from pathlib import Path

import pytest

from orchestrator.documents.spec import FileEntry, Spec, lint
from orchestrator.errors import DocumentError

SEED = (Path(__file__).parent / "seeds" / "spec.md").read_bytes()


def spec(files: str = "- a.py", head: str = "", tail: str = "") -> Spec:
    source = f"# Spec: T\n{head}\n## Goal\nG\n## Files to Modify\n{files}\n{tail}"
    return Spec.parse(source.encode(), "s.md")


def test_the_seeds_example_is_valid_and_clean() -> None:
    seed = Spec.parse(SEED, "s.md")
    assert seed.render() == SEED
    assert seed.title == "Implement Feedback Endpoint"
    assert seed.goal == "Add POST /api/v1/feedback endpoint to the Worker API."
    assert [entry.path for entry in seed.reads] == ["src/index.ts", "schema/0001-init.sql"]
    assert seed.files == (FileEntry("src/index.ts", "add route handler", False, 11),)  # noqa: FBT003
    assert (len(seed.requirements), len(seed.constraints), len(seed.deliverable)) == (5, 4, 2)
    assert (seed.agent, seed.attempts, seed.timeout, seed.risky, seed.allow) == ("", None, None, False, ())
    assert lint(seed) == ()


def test_entries_have_paths_notes_and_sharing() -> None:
    found = spec("- `my file.py` (a (b))\n* src/ shared with c\n1. **/*.md (Shared: docs)\n- x[ab]?.py - sharedness\n")
    assert [(entry.path, entry.note, entry.shared) for entry in found.files] == [
        ("my file.py", "a (b)", False),
        ("src/", "shared with c", True),
        ("**/*.md", "Shared: docs", True),
        ("x[ab]?.py", "- sharedness", False),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/x", "~/x", "C:/x", "..", "a/../b", "./a", "a/./b", "a//b", "a\\b", "-a", ".git",
        "a/.GIT/hooks", ".git.",
        "`.git `", "GIT~1/x", ".git::$INDEX_ALLOCATION", ".g\u200cit/x", "a.", "`a /b`", "``",
        "a\x7f", "a\x01b",
        "**bold**", "[ ]", "a.py:", "a.py,", "a/" * 2_048 + "b",
    ],
)  # fmt: skip
def test_tricks_are_refused_with_their_line(path: str) -> None:
    with pytest.raises(DocumentError) as caught:
        spec(f"- ok.py\n- {path} (note)")
    assert caught.value.where == "s.md:7"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("# Spec: T\n## Files to Modify\n- a", 1, "the section `## Goal` is missing"),
        ("\n# T\n## Goal\ng\n", 2, "the section `## Files to Modify` is missing"),
        ("# T\n## Goal\n\n## Files to Modify\n- a", 2, "the section `Goal` is empty"),
        ("# T\n## Goal\ng\n## Files to Modify\nnone\n", 4, "`Files to Modify` names no file"),
        ("## Goal\ng\n## Files to Modify\n- a\n- b\n- a (x)", 6, "`a` is named twice (first in line 4)"),
        ("# T\n## Goal\ng\n## Goal\ng\n", 4, "the section `Goal` stands twice (first in line 2)"),
    ],
)
def test_a_spec_that_is_no_contract(source: str, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Spec.parse(source.encode(), "s.md")
    assert (caught.value.where, caught.value.message) == (f"s.md:{line}", message)


def test_metadata_stands_in_front_matter_or_in_bold() -> None:
    found = spec(
        head="**Agent**: claude\n**Attempts:** 3\n**Timeout**: 1.5\n**Risky**: YES\n**Allow**: symlinks, \n**X**: y"
    )
    assert (found.agent, found.attempts, found.timeout, found.risky, found.allow) == (
        "claude",
        3,
        1.5,
        True,
        ("symlinks",),
    )
    source = (
        b"---\nattempts: 020\nrisky: no\nallow: [symlinks]\nother: {a: b}\n---\n## Goal\ng\n## Files to Modify\n- a\n"
    )
    front = Spec.parse(source, "s.md")
    assert (front.attempts, front.risky, front.allow, front.title) == (20, False, ("symlinks",), "")


@pytest.mark.parametrize(
    "line",
    [
        "**Attempts**: 0", "**Attempts**: 21", "**Attempts**: 1.0", "**Attempts**: \u0663",
        "**Attempts**: " + "9" * 5_000,
        "**Timeout**: 0", "**Timeout**: -1", "**Timeout**: inf", "**Timeout**: 1e3",
        "**Risky**: maybe", "**Allow**: modes",
    ],
)  # fmt: skip
def test_wrong_metadata_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(DocumentError) as caught:
        spec(head=line)
    assert caught.value.where == "s.md:2"


def test_lint_names_softer_matters_in_order() -> None:
    found = lint(spec("- **\n  - a.py", head="## Files to Read\n- /etc/passwd\n", tail="## Requirements\n"))
    assert [(finding.line, finding.message) for finding in found] == [
        (1, "no Deliverable: the agent has to guess"),
        (3, "an absolute path: `/etc/passwd`"),
        (8, "`**` is the whole repository"),
        (9, "a nested item names no file: it is a note of the item above"),
        (10, "no Requirements: the agent has to guess"),
    ]


def test_a_spec_may_say_which_model_and_how_hard_it_tries() -> None:
    form = "# Spec\n**Model**: claude-sonnet-5-5\n**Effort**: {}\n\n## Goal\n\ng\n\n## Files to Modify\n\n- a\n"
    found = Spec.parse(form.format("Low").encode(), "x.md")
    assert (found.model, found.effort) == ("claude-sonnet-5-5", "low")
    with pytest.raises(DocumentError) as caught:
        Spec.parse(form.format("huge").encode(), "x.md")
    assert (caught.value.where, caught.value.message) == ("x.md:3", "`effort` cannot be `huge`")


def test_a_note_full_of_names_is_looked_through_at_once() -> None:
    names = " ".join(f"`f{number}.py`" for number in range(20_000))
    text = f"# Spec: a\n\n## Goal\n\nDo it.\n\n## Files to Modify\n\n- {names} all new\n"
    assert not [
        finding for finding in lint(Spec.parse(text.encode(), "specs/a.md")) if "only `f0.py`" in finding.message
    ]
