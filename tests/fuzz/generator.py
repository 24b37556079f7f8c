"""Documents to throw at a parser: grown from its own words, or a good one with something broken. Each has a number.

The same seed and number give the same document, whatever was generated before: a failure is repeated by its name alone.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fuzz.vocabulary import ODD

_LONGEST = 6_000  # bytes; what size alone does is measured elsewhere


@dataclass(frozen=True)
class Generator:
    """Documents of one format: `words` are its lines and pieces, `seeds` documents that its parser takes."""

    name: str
    words: Sequence[str]
    seeds: Sequence[bytes]

    def document(self, seed: int, number: int) -> bytes:
        """Return the document of that number."""
        chance = random.Random(f"{seed}/{self.name}/{number}")  # noqa: S311 - the same documents every time
        kind = chance.random()
        if kind < 0.03:
            return chance.randbytes(chance.randrange(60))
        data = self._grown(chance) if kind < 0.45 else bytearray(chance.choice(self.seeds))
        for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
            chance.choice(_MUTATIONS)(data, chance, self)
        return bytes(data[:_LONGEST])

    def word(self, chance: random.Random) -> bytes:
        """Return a piece of this format, or now and then one that no format expects."""
        return chance.choice(self.words if chance.random() < 0.8 else ODD).encode()

    def _grown(self, chance: random.Random) -> bytearray:
        ends = chance.choice((b"\n", b"\n", b"\n", b"\r\n"))
        words = b"".join(self.word(chance) for _ in range(chance.randrange(1, 14)))
        return bytearray(chance.choice((b"", b"", b"", b"\xef\xbb\xbf")) + words.replace(b"\n", ends))


Mutation = Callable[[bytearray, random.Random, Generator], None]


def _span(data: bytearray, chance: random.Random) -> slice:
    start = chance.randrange(len(data) + 1)
    return slice(start, start + int(chance.expovariate(1 / 12)))


def _lines(data: bytearray) -> list[bytearray]:
    return data.split(b"\n")


def _insert(data: bytearray, chance: random.Random, words: Generator) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = words.word(chance)


def _insert_line(data: bytearray, chance: random.Random, words: Generator) -> None:
    lines = _lines(data)
    lines.insert(chance.randrange(len(lines) + 1), bytearray(words.word(chance).rstrip(b"\n")))
    data[:] = b"\n".join(lines)


def _delete(data: bytearray, chance: random.Random, _words: Generator) -> None:
    del data[_span(data, chance)]


def _replace(data: bytearray, chance: random.Random, words: Generator) -> None:
    data[_span(data, chance)] = words.word(chance)


def _flip(data: bytearray, chance: random.Random, _words: Generator) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _raw(data: bytearray, chance: random.Random, _words: Generator) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = bytes([chance.randrange(256)])


def _move_line(data: bytearray, chance: random.Random, _words: Generator) -> None:
    lines = _lines(data)
    line = lines.pop(chance.randrange(len(lines)))
    lines.insert(chance.randrange(len(lines) + 1), line)
    data[:] = b"\n".join(lines)


def _repeat_line(data: bytearray, chance: random.Random, _words: Generator) -> None:
    lines = _lines(data)
    at = chance.randrange(len(lines))
    lines[at:at] = [lines[at]] * chance.choice((1, 1, 2, 30))
    data[:] = b"\n".join(lines)


def _indent(data: bytearray, chance: random.Random, _words: Generator) -> None:
    lines = _lines(data)
    at = chance.randrange(len(lines))
    lines[at][:0] = chance.choice((b" ", b"  ", b"    ", b"\t", b"> ", b"- "))
    data[:] = b"\n".join(lines)


def _stretch(data: bytearray, chance: random.Random, _words: Generator) -> None:
    span = _span(data, chance)
    data[span] = data[span] * chance.choice((2, 10, 100))


def _case(data: bytearray, chance: random.Random, _words: Generator) -> None:
    span = _span(data, chance)
    data[span] = data[span].swapcase()


def _cut(data: bytearray, chance: random.Random, _words: Generator) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _graft(data: bytearray, chance: random.Random, words: Generator) -> None:
    other = bytearray(chance.choice(words.seeds))
    data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]


_MUTATIONS: tuple[Mutation, ...] = (
    _insert, _insert_line, _insert_line, _delete, _replace, _flip, _raw, _move_line, _repeat_line, _indent, _stretch,
    _case, _cut, _graft,
)  # fmt: skip
