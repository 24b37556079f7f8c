"""The codec: every byte comes back, every line is what CommonMark says, every refusal names its line."""

import itertools
import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.documents import edits
from orchestrator.documents.codec import Text
from orchestrator.documents.scan import Kind
from orchestrator.errors import DocumentError

NASTY = [
    b"",
    b"\n",
    b"\r\n",
    b"no end",
    b"\xef\xbb\xbf# With a byte order mark\r\n",
    b"\xef\xbb\xbf",
    b"a\r\nb\nc\rd\r\n\r\r\n",
    b"tabs\t\n\t- [ ] \tx\t\n   trailing   \n",
    "\u2028 one \x0b line \x0c for \x85 all \u2029\n- [ ] x\n".encode(),
    b"~~~\n```\n- [ ] x\n~~~\n- [ ] y",
    b"<!-- a\n- [ ] x\n-->\n- [ ] y <!-- z -->\n",
    b"---\nunknown: [1, {a: b}]\n# note\n---\n\nbody\n",
    b"- a\n\n  para\n\n      code\n1. x\n   - y\n",
    b"```never closed\n# x\n",
    b"=======\nA title\n=======\n",
    b"\xf0\x9f\xa6\x86 \xe6\xbc\xa2\xe5\xad\x97\n",
]


def kinds(source: str) -> list[Kind]:
    return list(Text.parse(source.encode(), "x.md").scan.kinds)


@pytest.mark.parametrize("data", NASTY)
def test_the_same_bytes_come_back(data: bytes) -> None:
    assert Text.parse(data, "x.md").render() == data


LINES = st.sampled_from(
    [
        "- [ ] a",
        "* b",
        "1. c",
        "```",
        "~~~",
        "<!--",
        "-->",
        "# H",
        "---",
        "a: b",
        "",
        "\t",
        "\r",
        "**K**: v",
        "| a |",
    ]
)


@given(st.one_of(st.binary(), st.text().map(str.encode), st.lists(LINES).map(lambda lines: "\n".join(lines).encode())))
@example(b"\xef\xbb\xbf---\r\na: 1\r\n---\r\n")
def test_any_bytes_come_back_or_are_refused_with_their_line(data: bytes) -> None:
    try:
        assert Text.parse(data, "x.md").render() == data
    except DocumentError as error:
        assert re.fullmatch(r"x\.md:\d+", error.where)  # noqa: PT017 - either outcome is right
        assert 1 <= error.line <= data.count(b"\n") + 1  # noqa: PT017
        assert error.hint  # noqa: PT017


REFUSED = [
    (b"ok\n\xff\n", 2, "not UTF-8 text (byte 0xff)"),
    (b"\xff\xfea\0", 1, "a NUL byte: this is not a text file"),
    (b"a\nb\n\0\n", 3, "a NUL byte: this is not a text file"),
    (b"<<<<<<< HEAD\n", 1, "a merge-conflict marker (<<<<<<<)"),
    (b"a\n=======\nb\n>>>>>>> theirs\n", 4, "a merge-conflict marker (>>>>>>>)"),
    (b"```\n|||||||\n```\n", 2, "a merge-conflict marker (|||||||)"),
    (b"a\n<<<<<<<\r\n", 2, "a merge-conflict marker (<<<<<<<)"),
    (b"\n<<<<<<< HEAD\n", 2, "a merge-conflict marker (<<<<<<<)"),
    (b"a\n" * 600_000, 524_289, "larger than 1 MiB (1,200,000 bytes)"),
    (b"\n" * 50_001, 50_001, "more than 50,000 lines"),
    (b"---\na: 1\n", 1, "front matter is opened here and never closed"),
    (b"- a\n" * 20_001, 20_001, "more than 20,000 list items"),
    (b"**a**: b\n" * 1_001, 1_001, "more than 1,000 bold fields"),
]


@pytest.mark.parametrize(("data", "line", "message"), REFUSED)
def test_refusals_name_the_line(data: bytes, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Text.parse(data, "x.md")
    assert (caught.value.where, caught.value.message) == (f"x.md:{line}", message)
    assert caught.value.hint


@pytest.mark.parametrize(
    "data", [b"\n\nx <<<<<<< y\n", b"<<<<<<<<\n", b" <<<<<<< x\n", b"<<<<<<<x\n", b"======= x\n", b"x >>>>>>> y\n"]
)
def test_what_only_resembles_a_conflict_is_text(data: bytes) -> None:
    assert Text.parse(data, "x.md").render() == data


def test_each_line_has_its_kind() -> None:
    source = "---\na: b\n---\n# H\n\ntext\n\n    code\n- item\n  more\n| a |\n\n<!-- c\n# no\n-->\n~~~\n# no\n~~~"
    assert [kind.name for kind in kinds(source)] == [
        "META", "META", "META", "HEADING", "BLANK", "TEXT", "BLANK", "CODE", "ITEM", "TEXT", "TABLE", "BLANK",
        "HTML", "HTML", "HTML", "FENCE", "FENCE", "FENCE",
    ]  # fmt: skip


def test_a_shorter_or_other_fence_does_not_close() -> None:
    assert kinds("````\n```\n~~~~\n```` x\n`````\ntext")[-2:] == [Kind.FENCE, Kind.TEXT]
    assert kinds("````\n```\n~~~~\n```` x\ntext")[-1] is Kind.FENCE


def test_a_fence_ends_with_the_item_it_stands_in() -> None:
    assert kinds("- ```\n  # no\n- item")[-1] is Kind.ITEM


ATOMS = [
    "- [ ] a", "* b", "1. x", "2) y", "- ", "-", "foo", "    code", "  - n", "   z", "\t- t",
    "```", "~~~", "````",
    "<!-- c", "-->", "<!-- x -->", "# H", "## H2 ##", "---", "***", "===", "", "", "  bar",
    "      deep", "- - q",
    "- ```", "  ```", "10. k", "- # h", "+ [x] p", " - s", "-     five", "-\tt", "    ```",
    "1234567890. x", "#h", "- five", "- (a) b", "- 1. x", "- 12 x",
]  # fmt: skip


def commonmark(source: str) -> tuple[list[int], list[int]]:
    """The lines of top-level items and of headings outside lists, by a reference implementation."""
    markdown = MarkdownIt("commonmark")
    markdown.core.ruler.enableOnly(["normalize", "block"])
    items, headings, depth = [], [], 0
    for token in markdown.parse(source):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "list_item_open" and not depth:
            items.append(line)
        if token.type == "heading_open" and not depth and token.markup.startswith("#"):
            headings.append(line)
        depth += {"list_item_open": 1, "list_item_close": -1}.get(token.type, 0)
    return items, headings


def test_items_and_headings_are_those_of_commonmark() -> None:
    chance = random.Random(7)  # noqa: S311 - the same documents every time
    for _ in range(2_000):
        source = "\n".join(["x", "", *chance.choices(ATOMS, k=chance.randint(1, 9))])
        scanned = Text.parse(source.encode(), "x.md").scan
        found = (
            [item.line for item in scanned.items if not item.depth],
            [head.line for head in scanned.headings],
        )
        assert found == commonmark(source), source


def test_sections_are_found_in_any_case_and_by_their_ends() -> None:
    text = Text.parse(b"# T\n## goal\na\n### Sub\nb\n## Key Decisions (do not)\n- k\n## My Progress\n- [ ] p\n", "x.md")
    assert text.prose(text.section("Goal")) == "a\n### Sub\nb"
    assert text.entries("Key Decisions*") == ("k",)
    assert text.entries("*progress") == ("[ ] p",)
    assert text.section("Progress") is None


def test_a_section_that_stands_twice_is_refused_when_it_is_asked_for() -> None:
    text = Text.parse(b"# T\n## Goal\na\n## Else\n## Else\n## GOAL\nb\n", "x.md")
    with pytest.raises(DocumentError, match=r"`GOAL` stands twice \(first in line 2\)") as caught:
        text.section("goal")
    assert caught.value.line == 6


def test_fields_end_where_the_first_section_starts() -> None:
    text = Text.parse(b"# T\n**A**: 1\n**B:** two words  \n```\n**C**: 3\n```\n## S\n**D**: 4\n", "x.md")
    assert [(field.key, field.value, field.line) for field in text.bold] == [
        ("A", "1", 2),
        ("B", "two words", 3),
    ]


def test_a_field_that_stands_twice_is_refused_when_it_is_asked_for() -> None:
    text = Text.parse(b"**A**: 1\n**B**: 2\n**a**: 3\n", "x.md")
    assert text.word("B") == "2"
    with pytest.raises(DocumentError, match="stands twice") as caught:
        text.word("A")
    assert caught.value.where == "x.md:3"


def test_front_matter_and_bold_fields_are_one_and_may_not_differ() -> None:
    assert Text.parse(b"---\nlast_checkpoint: x\n---\n**Last checkpoint**: x\n", "x.md").word("Last checkpoint") == "x"
    text = Text.parse(b"---\nagent: a\n---\n**Agent**: b\n", "x.md")
    with pytest.raises(DocumentError, match="`Agent` is `b` here and `a` in line 2") as caught:
        text.word("agent")
    assert caught.value.where == "x.md:4"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_an_edit_keeps_the_ends_of_all_other_lines(end: str, last: bool) -> None:  # noqa: FBT001
    text = Text.parse(("a" + end + "b" + end * last).encode(), "x.md")
    assert edits.insert(text, 2, ["c"]).render().decode() == "a" + end + "b" + end + "c" + end * last
    assert edits.insert(text, 0, ["c"]).render().decode() == "c" + end + "a" + end + "b" + end * last
    assert edits.replace(text, {1: "z"}).render().decode() == "z" + end + "b" + end * last
    assert edits.remove(text, [1]).render().decode() == "b" + end * last


def test_a_return_at_the_very_end_is_kept() -> None:
    text = Text.parse(b"a\nb\r", "x.md")
    assert edits.insert(text, 2, ["c"]).render() == b"a\nb\r\nc"


def test_a_field_changes_in_place_wherever_it_stands() -> None:
    text = Text.parse(b"---\r\na_b: 'x'\r\n---\r\n# T\r\n **A b:**  x  \r\n", "x.md")
    assert edits.set_field(text, "A b", 'say "no"').render() == (
        b'---\r\na_b: "say \\"no\\""\r\n---\r\n# T\r\n **A b:**  say "no"  \r\n'
    )


def test_nothing_is_added_inside_a_fence_that_never_ends() -> None:
    text = Text.parse(b"# T\n```\nx\n", "x.md")
    with pytest.raises(DocumentError, match="this fenced code is never closed") as caught:
        edits.append_section(text, "## S", ["a"])
    assert caught.value.where == "x.md:2"


def test_every_pair_of_nasty_documents_comes_back_or_is_refused() -> None:
    for one, two in itertools.product(NASTY, repeat=2):
        try:
            assert Text.parse(one + two, "x.md").render() == one + two
        except DocumentError as error:
            assert error.where.startswith("x.md:")  # noqa: PT017 - either outcome is right
