"""Bytes as text: what is taken, what is refused before anything is read into it, and the way back."""

import codecs
import re
from typing import Final

from orchestrator.errors import DocumentError

MAX_BYTES: Final = 1 << 20
MAX_LINES: Final = 50_000
_SHOWN: Final = 80

_CONFLICTS: Final = (b"<<<<<<<", b">>>>>>>", b"|||||||")
_CONFLICT: Final = re.compile(rb"(?:<{7}|>{7}|\|{7})(?=[ \t\r\n]|\Z)")


def decode(data: bytes, path: str) -> tuple[str, str]:
    """The byte order mark (or ""), and what stands behind it."""
    _refuse_size(data, path)
    _refuse_nul(data, path)
    _refuse_conflict(data, path)
    bom = "\ufeff" if data.startswith(codecs.BOM_UTF8) else ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(
            path,
            _line_at(data, error.start),
            f"not UTF-8 text (byte 0x{data[error.start]:02x})",
            hint="save the file as UTF-8",
        ) from None
    return bom, text.removeprefix(bom)


def encode(bom: str, whole: str) -> bytes:
    """The exact opposite of `decode`."""
    return (bom + whole).encode("utf-8")


def one_line(text: str) -> str:
    """Any text as one line that every document takes: no line ends, no NUL, no lone surrogates."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return " ".join(clean.split())


def shown(text: str) -> str:
    """Text as an error message quotes it: one line, and not all of a long one."""
    line = one_line(text[: _SHOWN * 2])
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


def _line_at(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _refuse_size(data: bytes, path: str) -> None:
    if len(data) > MAX_BYTES:
        raise DocumentError(
            path,
            _line_at(data, MAX_BYTES),
            f"larger than 1 MiB ({len(data):,} bytes)",
            hint="move the long part to a file of its own and name that file here",
        )
    if data.count(b"\n") > MAX_LINES:
        raise DocumentError(
            path,
            MAX_LINES + 1,
            f"more than {MAX_LINES:,} lines",
            hint="move the long part to a file of its own and name that file here",
        )


def _refuse_nul(data: bytes, path: str) -> None:
    found = data.find(b"\0")
    if found >= 0:
        raise DocumentError(
            path,
            _line_at(data, found),
            "a NUL byte: this is not a text file",
            hint="delete the byte, or save the file as UTF-8",
        )


def _refuse_conflict(data: bytes, path: str) -> None:
    """The plain `in` first: almost every document ends there, and for one letter at the speed of memchr."""
    if not any(mark[:1] in data and mark in data for mark in _CONFLICTS):
        return
    at = 0
    while True:
        found = _CONFLICT.match(data, at)
        if found:
            raise DocumentError(
                path,
                _line_at(data, found.start()),
                f"a merge-conflict marker ({found.group().decode()})",
                hint="resolve the conflict: keep one side and delete the marker lines",
            )
        at = data.find(b"\n", at) + 1
        if not at:
            return
