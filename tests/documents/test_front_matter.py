"""Front matter is text: nothing is retyped, and every surprise YAML has is refused with its line."""

import pytest
import yaml

from orchestrator.documents import front_matter
from orchestrator.documents.codec import Text
from orchestrator.errors import DocumentError


@pytest.fixture(params=[yaml.SafeLoader, front_matter.SafeLoader], ids=["python", "installed"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML's own parser, and its C library where that is there: they are not of one mind about everything."""
    monkeypatch.setattr(front_matter, "SafeLoader", request.param)


def front(source: str) -> dict[str, object]:
    fields = Text.parse(f"---\n{source}\n---\n".encode(), "x.md").front
    return {field.key: field.value for field in fields.values()}


@pytest.mark.parametrize(
    "word",
    [
        "no",
        "1:30",
        "007",
        "1234567",
        "1e5",
        "2026-02-22",
        "0x1f",
        "null",
        "~",
        ".inf",
        "yes",
        "1_000",
        "1.10",
        "=",
        "<<",
    ],
)
def test_a_scalar_stays_what_was_written(word: str) -> None:
    assert front(f"key: {word}") == {"key": word}


def test_shapes_that_are_taken() -> None:
    assert front("a:\nb: ''\nc: [1, no]\nd: {e: {f: 007}}\ng: |\n  x\n  y\nno: 1") == {
        "a": "", "b": "", "c": ["1", "no"], "d": {"e": {"f": "007"}}, "g": "x\ny\n", "no": "1",
    }  # fmt: skip
    assert front("") == {}
    assert front("# only a comment") == {}
    assert Text.parse(b"---\r\na: 1\r\n--- \r\n", "x.md").word("A") == "1"


REFUSED = [
    ("a: 1\na: 2", 3, "the key `a` stands twice in front matter"),
    ("a_b: 1\nA b: 1", 3, "the key `A b` stands twice in front matter"),
    ("a:\n  b: {c: 1, c: 2}", 3, "the key `c` stands twice in front matter"),
    ("a: &x 1", 2, "a YAML anchor or alias in front matter"),
    ("a: 1\nb: *x", 3, "a YAML anchor or alias in front matter"),
    ("a: !!int 1", 2, "a YAML tag in front matter"),
    ("a: 1\nb: !x {}", 3, "a YAML tag in front matter"),
    ("%YAML 1.1\na: 1", 3, None),
    ("a: 1\n...\nb: 2", 4, None),
    ("just text", 2, "front matter is not a list of `key: value` lines"),
    ("# c\n- a\n- b", 3, "front matter is not a list of `key: value` lines"),
    ("? [a]\n: b", 2, "a list or mapping as a key in front matter"),
    ("a: 1\nb: [[[[[[[[1]]]]]]]]", 3, "front matter nested deeper than 8"),
    ("a: 1\n\tb: 2", 3, None),
    ("a: 1\nb: 'x", 3, None),
    ('a: 1\nb: 2\nc: "\\U00110000"', 4, None),
    ('a: 1\nb: "\\UFFFFFFFF"', 3, None),
    ('a: 1\nb: "\\ud800"', 3, None),
    ("%YAML 1." + "1" * 5000 + "\na: 1", 2, None),
    ("a: 1\nb: \x07", 3, "the character U+0007 in front matter"),
    ("a: 1\nb: x\u2028c: y", 3, "the character U+2028 in front matter"),
    ("a: 1\nb: x\rc: y", 3, "the character U+000D in front matter"),
    ("a: " + "x" * 65_536, 2, "front matter larger than 64 KiB"),
    ("a: [" + "1," * 12_000 + "]", 2, "front matter with more than 10,000 parts"),
]


@pytest.mark.parametrize(("source", "line", "message"), REFUSED)
def test_refusals_name_the_line(source: str, line: int, message: str | None) -> None:
    with pytest.raises(DocumentError) as caught:
        front(source)
    assert caught.value.where == f"x.md:{line}"
    assert caught.value.message == (message or caught.value.message)
    assert caught.value.hint


def test_the_line_is_the_files_own_with_a_byte_order_mark_and_crlf() -> None:
    with pytest.raises(DocumentError) as caught:
        Text.parse("\ufeff---\r\na: \U0001f986\r\n\r\na: 2\r\n---\r\n".encode(), "x.md")
    assert caught.value.where == "x.md:4"


@pytest.mark.parametrize("deep", ["a: " + "[" * 30_000, "a: " + "{b: " * 15_000, "- " * 30_000, "a:\n" + "? " * 30_000])
def test_depth_is_refused_without_recursion(deep: str) -> None:
    with pytest.raises(DocumentError):
        front(deep)
