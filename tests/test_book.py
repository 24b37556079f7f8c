"""Books: whatever is written in, taken out and copied, one says what a dictionary would say."""

import random

import pytest

from orchestrator.repo.book import Book

NAMES = [*(f"t{number}/1" for number in range(2_000)), "", "ein Wort", "ümlaut", "\udcff"]


def test_a_book_says_what_a_dictionary_would() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    book, known = Book(), dict[str, str]()
    for step in range(20_000):
        name = chance.choice(NAMES)
        if chance.random() < 0.3:
            assert book.pop(name, None) == known.pop(name, None)
        else:
            known.pop(name, None)
            known[name] = book[name] = f"{step:040x}"
    assert list(book.items()) == list(known.items())
    assert len(book) == len(known)
    assert all((name in book) == (name in known) for name in NAMES)
    for size in (5, 1_000):
        wanted = set(chance.sample(NAMES, size))
        assert list(book.among(wanted).items()) == [(name, known[name]) for name in known if name in wanted]
    assert Book(book.text) == known


def test_a_copy_and_its_original_know_nothing_of_each_other() -> None:
    book = Book()
    for number in range(1_000):
        book[f"t{number}"] = "old"
    other = book.copy()
    del other["t7"]
    for number in range(1_000, 2_000):
        other[f"t{number}"] = "new"
    book["t8"] = "newer"
    assert ("t7" in book, "t7" in other, other["t8"], book["t8"]) == (True, False, "old", "newer")
    assert (len(book), len(other)) == (1_000, 1_999)


def test_what_is_not_there_is_not_found() -> None:
    book = Book(b"t1\0aa\nt10\0bb\n")
    assert (book["t1"], book["t10"], book.get("t"), 1 in book) == ("aa", "bb", None, False)
    with pytest.raises(KeyError):
        del book["t"]
