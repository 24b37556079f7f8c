"""TODO: which lines are tasks, what they say, and edits that change nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.documents import task_id
from orchestrator.documents.codec import Text
from orchestrator.documents.todo import Mark, Todo, _tasks, plain_tasks
from orchestrator.errors import DocumentError


def tasks(source: str) -> list[tuple[str, str]]:
    return [(task.id, task.title) for task in Todo.parse(source.encode()).tasks]


def test_every_bullet_makes_a_task_and_nothing_else_does() -> None:
    source = (
        "- [ ] a\n* [x] b\n+ [X] c\n1. [-] d\n2) [ ] e\n   - [ ] nested\n\n> - [ ] quoted\n\n"
        "```\n- [ ] code\n```\n"
        "<!--\n- [ ] comment\n-->\n\n    - [ ] indented\n\n- plain\n- [link](x)\n- [x](y)\n   * [ ] deeper\n"
    )
    todo = Todo.parse(source.encode())
    assert [(task.id, task.mark, task.line) for task in todo.tasks] == [
        ("a", Mark.OPEN, 1), ("b", Mark.DONE, 2), ("c", Mark.DONE, 3),
        ("d", Mark.DROPPED, 4), ("e", Mark.OPEN, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "name", "title"),
    [
        ("setup: Make it", "setup", "Make it"),
        ("`a.b_c-1`: Make it", "a.b_c-1", "Make it"),
        ("T12: Make it", "T12", "Make it"),
        ("ABC-12: Make it", "ABC-12", "Make it"),
        ("API routes: feedback, suggestions  <-- CURRENT", "api-routes-feedback-suggestions", None),
        ("Setup: x", "setup-x", "Setup: x"),
        ("Crème brûlée, Straße!", "creme-brulee-strasse", None),
        ("http://x.y/z", "http-x-y-z", "http://x.y/z"),
        ("setup:", "setup", "setup"),
        ("x" * 70, "x" * 64, None),
        ("y" * 63 + " z", "y" * 63, None),
        ("t: a (b) (after: x) <!-- c --> (committed: 1234567) <-- CURRENT", "t", "a (b)"),
        ("t: f(x) <-- 3", "t", "f(x) <-- 3"),
    ],
)
def test_ids_and_titles(said: str, name: str, title: str | None) -> None:
    found = tasks(f"- [ ] {said}\n")[0]
    assert found[0] == name
    assert title is None or found[1] == title


def test_a_title_of_a_mebibyte_has_the_slug_of_its_beginning() -> None:
    assert task_id.slug("\ufdfa" * 1_024 + "abc") == ""
    assert task_id.slug("a " * 500_000) == "a-" * 31 + "a"


def test_after_is_a_list_wherever_it_stands_at_the_end() -> None:
    todo = Todo.parse(b"- [ ] a: x (AFTER: b, `c` ,T1) (committed: 12)\n- [ ] d: y (after: )\n- [ ] e: (after: a) z\n")
    assert [task.after for task in todo.tasks] == [("b", "c", "T1"), (), ()]


def test_the_heading_is_the_nearest_above() -> None:
    todo = Todo.parse(b"- [ ] a\n# T\n## Phase *one* ##\n- [ ] b\n### Sub\n- [ ] c\n")
    assert [task.headings for task in todo.tasks] == [(), ("Phase *one*",), ("Phase *one*", "Sub")]


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x\n\n- [~] a", 3, "`[~]` is not a checkbox"),
        ("- [?] a", 1, "`[?]` is not a checkbox"),
        ("- [] a", 1, "`[]` is not a checkbox"),
        ("- [ x] a", 1, "`[ x]` is not a checkbox"),
        ("- [x]a", 1, "`[x]` is not a checkbox"),
        ("- [ ]", 1, "a task without a title"),
        ("- [ ] a\n- [ ] b\n- [ ] A: x\n- [x] a: y", 4, "the id `a` is taken (line 1)"),
        ("- [ ] t1: x\n\n- [ ] T1: y", 3, "the id `T1` is taken (line 1)"),
        ("- [ ] a..b: x", 1, "`a..b` cannot be an id"),
        ("- [ ] a.lock: x", 1, "`a.lock` cannot be an id"),
        ("- [ ] a.result: x", 1, "`a.result` cannot be an id"),
        ("- [ ] a.: x", 1, "`a.` cannot be an id"),
        (f"- [ ] {'a' * 65}: x", 1, f"`{'a' * 65}` cannot be an id"),
        ("- [ ] \u6f22\u5b57", 1, "no id can be made from the title `\u6f22\u5b57`"),
    ],
)
def test_refusals_name_the_line(source: str, line: int, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Todo.parse(source.encode())
    assert (caught.value.where, caught.value.message) == (f"TODO.md:{line}", message)
    assert caught.value.hint


def test_a_capital_x_counts_and_stays() -> None:
    todo = Todo.parse(b"- [X] a\n- [x] b\n")
    assert todo.mark(["a", "b"], Mark.DONE).render() == b"- [X] a\n- [x] b\n"
    assert todo.mark(["A"], Mark.OPEN).render() == b"- [ ] a\n- [x] b\n"
    assert todo.drop(["b"]).render() == b"- [X] a\n- [-] b\n"


@given(
    st.lists(st.sampled_from(["- [ ] {}: t\r", "* [-]\t{}: t  ", "1) [X] {}: t", "text {}", "  - [ ] {}", "# {}", ""])),
    st.data(),
)
def test_marking_changes_one_byte_of_one_line(shapes: list[str], data: st.DataObject) -> None:
    before = "\n".join(shape.format(f"t{number}") for number, shape in enumerate(shapes)).encode()
    todo = Todo.parse(before)
    if not todo.tasks:
        return
    task = data.draw(st.sampled_from(todo.tasks))
    mark = data.draw(st.sampled_from(Mark))
    marked = todo.mark([task.id], mark)
    after = marked.render()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    assert len(after) == len(before)
    assert len(changed) == (task.mark is not mark)
    assert all(before.count(b"\n", 0, at) + 1 == task.line for at in changed)
    assert Todo.parse(after).tasks == marked.tasks


def test_adding_copies_the_list_it_joins() -> None:
    todo = Todo.parse(b"# T\r\n## One\r\n* [ ] a: x\r\n  note\r\n\r\n  - [ ] sub\r\n\r\nend\r\n## Two\r\n9. [x] b: y")
    todo = todo.add("c", "New\nline", "ONE", ("a", "b")).add("d", "Next", "Two").add("e", "Last", "Three")
    assert todo.render() == (
        b"# T\r\n## One\r\n* [ ] a: x\r\n  note\r\n\r\n  - [ ] sub\r\n"
        b"* [ ] c: New line (after: a, b)\r\n\r\nend\r\n"
        b"## Two\r\n9. [x] b: y\r\n10. [ ] d: Next\r\n\r\n## Three\r\n\r\n- [ ] e: Last"
    )
    headings = {task.id: task.headings[-1] for task in todo.tasks}
    assert headings == {"a": "One", "c": "One", "b": "Two", "d": "Two", "e": "Three"}


def test_adding_to_an_empty_document_and_below_prose() -> None:
    assert Todo.parse(b"").add("a", "A", "P").render() == b"## P\n\n- [ ] a: A\n"
    assert (
        Todo.parse(b"## P\n\nprose\n\n## Q\n").add("a", "A", "P").render() == b"## P\n\nprose\n\n- [ ] a: A\n\n## Q\n"
    )


def test_a_title_that_reads_as_something_else_is_refused() -> None:
    with pytest.raises(DocumentError, match="cannot be added as a task"):
        Todo.parse(b"## P\n").add("a", "A (after: b)", "P")


LINES = st.sampled_from(
    [
        "", " ", "# TODO", "# Other", "## Implementing", "## Phase 2: Testing ##", "### Deep", "#none", "text", "Text - [ ] x",
        "(in brackets)", "    indented", "---", "===", "1. one", "> quote", "| a | b |", "```", "~~~", "<!-- c", "c -->", "* [ ] s: star",
        "- plain item", "- [ ] a: one", "- [x] b: two", "- [X] c: three", "- [-] d: four", "- [ ] e: five (after: a)", "- [ ]  f: two spaces",
        "- [ ] g: (half", "- [ ] h: whole)", "- [ ] i: arrow <-- CURRENT", "- [ ] no id here", "- [ ] T12: ticket", "- [ ] j: tail ",
        "- [ ] k.lock: x", "- [ ] l:", "- [ ] m: `code`", "  - [ ] n: nested", "-  [ ] o: wide", "- [y] p: odd", "**Bold**: x", "- [ ] q: a # b",
        "- [ ] r: ends >", "+ [ ] t: plus", "- [ ] A: a", "- [ ] a: twin", "\u2028", "text\r", "- [ ] u: cr\r", "- [ ] v: \u00a0", "[x]: /link",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=12))
def test_a_plain_list_is_read_as_the_scanner_reads_it(lines: list[str]) -> None:
    quick = plain_tasks("\n".join(lines))
    if quick is None:
        return
    assert quick == tuple(_tasks(Text.of("", "\n".join(lines), "TODO.md")))


def test_a_long_plain_list_needs_no_scanner() -> None:
    assert plain_tasks("# TODO\n\nA word.\n\n## Implementing\n\n- [x] a: one\n- [ ] b: two\n") is not None


def test_a_dependency_without_its_colon_is_asked_about() -> None:
    with pytest.raises(DocumentError) as caught:
        Todo.parse(b"- [ ] a: one\n- [ ] b: two (after a)\n")
    assert (caught.value.where, caught.value.hint) == ("TODO.md:2", "write `(after: a)`, with a colon")
    assert tasks("- [ ] a: one\n- [ ] b: a walk (after lunch)\n")[1] == ("b", "a walk (after lunch)")


def test_ten_thousand_items_are_read_and_marked() -> None:
    source = "".join(f"- [ ] t{number}: words (after: t{number - 1})\n" for number in range(10_000)).encode()
    marked = Todo.parse(source).mark([f"t{number}" for number in range(10_000)], Mark.DONE)
    assert marked.render() == source.replace(b"[ ]", b"[x]")
