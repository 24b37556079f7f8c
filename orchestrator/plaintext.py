"""Text from outside made safe to print, to commit and to put in a document."""

import re
from collections.abc import Sequence

# C0 without tab and newline, DEL, C1, line/paragraph separators, the bidirectional controls of "Trojan Source", and the
# tags: a copy of ASCII that models read and nobody sees.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
# A terminal's own sequences go whole: of a colour nothing is to stay but the text it was for.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"  # CSI: colours, the cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"  # OSC: titles, links
    r"|\x1b[()*+][0-9A-Za-z]"  # character sets
)


def safe_text(text: str) -> str:
    """Return `text` without the characters that can move a cursor, hide words or forge a line."""
    if text.isascii() and text.isprintable():  # most is
        return text
    cleaned = _UNSAFE.sub("", _SEQUENCES.sub("", text.replace("\r\n", "\n")))
    return cleaned.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` as one safe line of at most `limit` characters."""
    line = " ".join(safe_text(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def listed(items: Sequence[str], most: int = 40, between: str = "\n") -> str:
    """Return at most `most` of `items`, each as one safe line, and how many more there are: an agent may leave many."""
    more = f", and {len(items) - most:,} more" if len(items) > most else ""
    return between.join(one_line(item, 300) for item in items[:most]) + more


def indented(text: str, margin: str = "    ") -> str:
    """Return safe `text` with every line behind `margin`: none of them can be read as a trailer or a marker."""
    return "\n".join((margin + line).rstrip() for line in safe_text(text).strip("\n").split("\n"))
