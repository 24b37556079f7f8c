"""Our marked block in a person's conventions file: put in, kept up to date, taken out to the byte. Pure."""

import re

from orchestrator import render
from orchestrator.errors import Exit, OrchestratorError

_BEGIN, _END = b"<!-- orchestrator:begin -->", b"<!-- orchestrator:end -->"
_BOM = b"\xef\xbb\xbf"


def with_block(data: bytes | None, path: str) -> bytes:
    """Return `data` with our block as it is today; `None` is a file that does not exist yet.

    How the file ended is remembered in how the block ends, with a line end or without, so that
    `without_block` can give the same bytes back.

    Raises:
        OrchestratorError: the block's marks do not pair, or the file is no text (`path:line`).
    """
    block = render.document("conventions.md.j2", {}).rstrip(b"\n")
    if data is None:
        return block + b"\n"
    found = _find(data, path)
    if found:
        return data[: found[0]] + _ended(block, _ending(data[slice(*found)])) + data[found[1] :]
    end = b"\r\n" if data.count(b"\r\n") * 2 > data.count(b"\n") else b"\n"
    block = _ended(block, end)
    if data.removeprefix(_BOM) == b"":
        return data + block
    return data + end + block + end if data.endswith(b"\n") else data + end + end + block


def _ended(block: bytes, end: bytes) -> bytes:
    return block.replace(b"\n", end)


def _ending(block: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in block else b"\n"


def _find(data: bytes, path: str) -> tuple[int, int] | None:
    """Return where our block starts and stops, or None where there is none."""
    if b"\0" in data:
        raise _broken(path, 1, "not UTF-8 text", "save it as UTF-8")
    starts = [match.start(1) for match in _BEGINS.finditer(data)]
    stops = [match.end() for match in _ENDS.finditer(data)]
    if not starts and not stops:
        return None
    if len(starts) == len(stops) == 1 and starts[0] < stops[0]:
        return starts[0], stops[0]
    line = data.count(b"\n", 0, (starts or stops)[-1]) + 1
    raise _broken(path, line, "the marks of orchestrator's block do not pair", "delete the block, its marks included")


_BEGINS = re.compile(rb"(?m)^(?:" + _BOM + rb")?(" + re.escape(_BEGIN) + rb")")
_ENDS = re.compile(rb"(?m)^" + re.escape(_END))


def _broken(path: str, line: int, message: str, hint: str) -> OrchestratorError:
    return OrchestratorError(message, where=f"{path}:{line}", hint=hint, code=Exit.PRECONDITION)


def without_block(data: bytes, path: str) -> bytes | None:
    """Return `data` as it was before `with_block`; None where the file was not there.

    Raises:
        OrchestratorError: the block's marks do not pair (`path:line`).
    """
    found = _find(data, path)
    if found is None:
        return data
    start, stop = found
    end = _ending(data[start:stop])
    before, after = data[:start], data[stop:]
    ended = after.startswith(end)
    after = after.removeprefix(end)
    for _ in range(1 if ended else 2):
        before = before.removesuffix(end)
    rest = before + after
    return None if ended and not rest else rest
