"""What fits: parts of lines, the fixed order in which they lose them, and the size a text has."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.plaintext import safe_text

BYTES_PER_TOKEN = 3
_LINE = 300  # bytes one line may take
MOST_LINES = 24  # lines a part starts with
_DROPS = (
    ("files", 5),
    ("conventions", 16),
    ("todo", 12),
    ("decisions", 6),
    ("files", 0),
    ("conventions", 8),
    ("todo", 4),
    ("next", 5),
    ("decisions", 2),
    ("summary", 2),
    ("blocking", 3),
    ("conventions", 0),
    ("todo", 0),
    ("decisions", 0),
    ("summary", 0),
    ("blocking", 0),
    ("next", 1),
    ("pointers", 2),
    ("state", 1),
    ("next", 0),
    ("pointers", 0),
    ("state", 0),
)


@dataclass(frozen=True)
class Brief:
    """The text, its measured size, and the parts that lost lines to the budget."""

    text: str
    tokens: int
    size: int
    characters: int
    cut: tuple[str, ...]


@dataclass
class Part:
    """One section.

    Attributes:
        total: counts the lines it would have.
        rest: where they are.
        onward: the section that goes on with its list: counted here while it shows no line of its own.
    """

    name: str
    heading: str
    lines: list[str]
    rest: str = ""
    total: int = field(default=0)
    onward: "Part | None" = None

    def __post_init__(self) -> None:
        self.total = max(self.total, len(self.lines))
        self.lines = [clipped(line) for line in self.lines[:MOST_LINES]]

    @property
    def cut(self) -> bool:
        """Whether it lost lines."""
        return len(self.lines) < self.total

    @property
    def left_out(self) -> int:
        """How many lines a reader is not shown, here and in what goes on from here."""
        unseen = self.onward.total if self.onward and not self.onward.lines else 0
        return self.total - len(self.lines) + unseen

    def rendered(self) -> str:
        """Return the section, empty without lines; a code fence that lost its end gets one."""
        if not self.lines:
            return ""
        lines = [*self.lines]
        if sum(line.lstrip().startswith("```") for line in lines) % 2:
            lines.append("```")
        if self.left_out:
            lines.append(f"- ... {self.left_out} more: {self.rest}")
        return "\n".join([f"## {self.heading}", "", *lines]) + "\n\n"


def fit(head: str, parts: Sequence[Part], budget: int) -> Brief:
    """Return `head` and as much of `parts` as fits into `budget` tokens."""
    by_name = {part.name: part for part in parts}
    sized = _sized(head, parts)
    for name, floor in _DROPS:
        lines = by_name[name].lines
        while sized.tokens > budget and len(lines) > floor:
            lines.pop()
            sized = _sized(head, parts)
    return sized


def _sized(head: str, parts: Sequence[Part]) -> Brief:
    """Return the text with its size as the last line, which the size counts: it grows until it is true."""
    body = head + "".join(part.rendered() for part in parts)
    size, characters = len(body.encode()), len(body)
    tokens, last = 0, ""
    while True:
        extra = len(last)
        tokens = -(-(size + extra) // BYTES_PER_TOKEN)
        line = (
            f"size: {tokens} tokens estimated ({size + extra} bytes / {BYTES_PER_TOKEN}), "
            f"{characters + extra} characters\n"
        )
        if line == last:
            cut = tuple(part.name for part in parts if part.cut)
            return Brief(body + last, tokens, size + extra, characters + extra, cut)
        last = line


def clipped(text: str, octets: int = _LINE) -> str:
    """Return `text` as one safe line of at most `octets` bytes; its indent stays."""
    line = " ".join(safe_text(text).splitlines()).replace("\t", "    ").rstrip()
    raw = line[:octets].encode()
    return line if len(raw) <= octets and len(line) <= octets else raw[: octets - 3].decode("utf-8", "ignore") + "…"
