"""The largest documents that can be handed to a parser, each made to cost as much as it can."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

SIZE = 1 << 20
_LINES = 49_000  # a document may have 50,000


@dataclass(frozen=True)
class Make:
    """Documents of at most `size` bytes."""

    size: int

    def filled(self, unit: str, head: str = "") -> bytes:
        """Return `head` and then `unit` as often as fits into a document."""
        lines = _LINES // unit.count("\n") if "\n" in unit else self.size
        return self.fitted((head + unit * min(lines, self.size // len(unit))).encode())

    def numbered(self, unit: str, count: int, head: str = "") -> bytes:
        """Return `head` and then `unit` with the numbers from 0 in place of its braces."""
        return self.fitted((head + "".join(unit.format(number) for number in range(count))).encode())

    def fitted(self, data: bytes) -> bytes:
        """Return what fits of `data`, without half a character at its end."""
        return data[: self.size].decode(errors="ignore").encode()


_SPEC = "# S\n## Goal\ng\n## Files to Modify\n"
_STATE = "**Current phase**: A\n"
_RESULT = "## Result: x\n**Status**: Complete\n"
_TASKS = "## Implementing\n"


def _markdown(make: Make) -> dict[str, bytes]:
    return {
    "text": make.filled("some words on a line\n"),
    "one line": make.filled("word "),
    "blank lines": make.filled("\n"),
    "carriage returns": make.filled("\r"),
    "items": make.filled("- [ ] some words xx\n"),
    "numbered items": make.filled("1. item\n"),
    "headings": make.filled("## heading\n"),
    "different headings": make.numbered("## heading {}\n", 20_000),
    "one name": make.filled("## Goal\n"),
    "markers": make.filled("- " * 5_000 + "a\n"),
    "one line of markers": b"- [ ] a" + make.filled("* - ")[: make.size - 7],
    "spaces": b"# a" + b" " * (make.size - 4) + b"#",
    "spaces inside": b"- [ ] a: b" + b" " * (make.size - 11) + b"c",
    "tabs": make.filled("\t"),
    "annotations": b"- [ ] a: " + make.filled("(after: b)")[: make.size - 9],
    "comments": make.filled("<!--"),
    "comment ends": make.filled("-->\n"),
    "arrows": b"- [ ] a" + make.filled("<--")[: make.size - 7],
    "accents": make.fitted(b"- [ ] " + make.filled("\u00e9")),
    "ligatures": make.fitted(b"- [ ] " + make.filled("\ufdfa")),
    "stairs": make.fitted("".join(" " * 2 * step + "- a\n" for step in range(700)).encode() + make.filled("lazy line\n")),
    "quotes": make.filled("> " * 500 + "x\n"),
    "fences": make.filled("```\n"),
    "growing fences": make.fitted("".join("`" * n + "\n" for n in range(3, 1_400)).encode()),
    "one fence": make.filled("`"),
    "fence never closed": make.filled("text ```\n", "```\n"),
    "raw blocks": make.filled("<pre>\n</pre>\n"),
    "fields": make.filled("**a**: b\n"),
    "bold": b"**" + make.filled("a")[2:],
    "stars": make.filled("*"),
    "bold starts": make.filled("**a"),
    "underlines": make.filled("a\n===\n"),
    "conflicts": make.filled("<"),
    "conflict inside each line": make.filled("x <<<<<<< y\n", "\n"),
    "brackets": b"- [ ] " + make.filled("[")[: make.size - 6],
    "keys": b"---\n" + b"".join(b"k%d: v\n" % n for n in range(6_000)) + b"---\n",
    "flow": b"---\na: " + b"[" * 65_000 + b"\n---\n",
    "flow items": b"---\na: [" + b"1," * 32_000 + b"]\n---\n",
    "folded": b"---\na: >\n" + b" x\n" * 21_000 + b"---\n",
    "quoted": b'---\na: "' + b"\\n" * 32_000 + b'"\n---\n',
    "comments in front": b"---\n" + b"#\n" * 32_000 + b"---\n",
    "anchors": b"---\na0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 900)) + b"---\n",
    "large front": b"---\n" + make.filled("k: v\n")[: make.size - 8] + b"---\n",
    }  # fmt: skip


def _spec(make: Make) -> dict[str, bytes]:
    return {
        "files": make.numbered("- a{} (b)\n", 20_000, _SPEC),
        "one file": make.filled("- a (b)\n", _SPEC),
        "long path": make.filled("a", _SPEC + "- "),
        "deep path": make.filled("a/", _SPEC + "- "),
        "stars in a path": make.filled("*a", _SPEC + "- "),
        "double stars": make.filled("**/", _SPEC + "- "),
        "sets in a path": make.filled("[a-", _SPEC + "- "),
        "closed sets in a path": make.filled("[a]", _SPEC + "- "),
        "notes": make.filled("- a (b\n  c\n", _SPEC),
        "goal": make.filled("words\n", "# S\n## Files to Modify\n- a\n## Goal\n"),
        "nested": make.filled("- a\n  - b\n", _SPEC),
        "allow": make.filled("x,", "**Allow**: ")[: make.size - 50] + b"\n" + _SPEC.encode(),
    }  # fmt: skip


def _result(make: Make) -> dict[str, bytes]:
    return {
        "issues": make.filled("- a words\n  b words\n", _RESULT + "**Issues**:\n"),
        "one issue": make.filled("words of one issue\n", _RESULT + "**Issues**: x\n"),
        "files": make.filled("`a`, ", _RESULT + "**Files changed**: "),
        "ticks": make.filled("`", _RESULT + "**Files changed**: "),
        "attempts": make.filled("| 1 | a |\n", _RESULT + "### Attempts\n| Attempt | Status |\n|---|---|\n"),
        "escaped pipes": make.filled("\\|", _RESULT + "### Attempts\n| Attempt | "),
    }  # fmt: skip


def _checkpoint(make: Make) -> dict[str, bytes]:
    return {"lists": make.filled("1. Read `a`\n", "# Checkpoint: x\n## Next Actions\n")
    }  # fmt: skip


def _todo(make: Make) -> dict[str, bytes]:
    return {
        "tasks": make.numbered("- [ ] t{}: words\n", 20_000, _TASKS),
        "titles": make.numbered("- [ ] task number {}\n", 20_000, _TASKS),
        "nested headings": make.numbered("###### h{0}\n- [ ] t{0}: x\n", 19_000, "# T\n## Implementing\n"),
    }  # fmt: skip


def _plan(make: Make) -> dict[str, bytes]:
    return {
        "tasks": make.numbered("- [ ] t{}: words\n", 20_000, _TASKS),
        "chain": make.fitted((_TASKS + "".join(f"- [ ] t{n}: a (after: t{n - 1})\n" for n in range(1, 18_000))).encode() + b"- [ ] t0: a\n"),
        "circle": make.fitted((_TASKS + "".join(f"- [ ] t{n}: a (after: t{(n + 1) % 18_000})\n" for n in range(18_000))).encode()),
        "after many": make.fitted((_TASKS + "- [ ] a: a\n" + "- [ ] b: b (after: " + ", ".join(["a"] * 300_000) + ")\n").encode()),
        "unknown": make.fitted((_TASKS + "".join(f"- [ ] t{n}: a\n" for n in range(15_000)) + "- [ ] z: z (after: " + "t" * 60 + ")\n").encode()),
        "long unknown": make.fitted((_TASKS + "".join(f"- [ ] t{n}: a\n" for n in range(9_000)) + "- [ ] z: z (after: " + "t" * 500_000 + ")\n").encode()),
        "spaces in a heading": b"## a" + b" " * (make.size - 20) + b"b\n- [ ] a: a\n",
        "brackets in a heading": make.filled("(", "## ")[: make.size - 20] + b"\n- [ ] a: a\n",
        "notes in a heading": make.filled("() ", "## ")[: make.size - 20] + b"\n- [ ] a: a\n",
        "numbers in a heading": make.filled("Phase 1: ", "## ")[: make.size - 20] + b"\n- [ ] a: a\n",
        "spaces before brackets": make.filled(" (", "## ")[: make.size - 20] + b"\n- [ ] a: a\n",
        "headings": make.numbered("## heading {0}\n- [ ] t{0}: x\n", 19_000),
    }  # fmt: skip


def _state(make: Make) -> dict[str, bytes]:
    return {
        "phases": make.filled("| a | PENDING |\n", _STATE + "## Phase Status\n| Phase | Status | Entered | Completed |\n|---|---|---|---|\n"),
        "cells": make.filled("|", _STATE + "## Phase Status\n| Phase | Status |\n"),
        "escaped cells": make.filled("\\|", _STATE + "## Phase Status\n| Phase | Status |"),
        "progress": make.numbered("- [ ] t{}\n", 20_000, _STATE + "## Progress\n"),
        "blocking": make.numbered("- `k{}`: words\n", 20_000, _STATE + "## Blocking Issues\n"),
        "decisions": make.filled("- 09:15: chose one over the other\n", _STATE + "## Decisions Log\n"),
        "long decision": make.filled("  and more\n", _STATE + "## Decisions Log\n- 09:15: x\n"),
    }  # fmt: skip


def _toml(make: Make) -> dict[str, bytes]:
    return {
    "one key": make.filled("a.", "a.")[: make.size - 4] + b"a=1\n",
    "one header": b"[" + make.filled("a.")[: make.size - 4] + b"a]\n",
    "keys": make.numbered("key_{} = 1\n", 60_000),
    "headers": make.numbered("[h{}]\n", 90_000),
    "arrays of tables": make.filled("[[attempt]]\n"),
    "numbers": b"a = [" + make.filled("1,")[: make.size - 8] + b"]\n",
    "floats": b"a = [" + make.filled("1.5,")[: make.size - 8] + b"]\n",
    "nested": b"a = " + make.filled("[")[: make.size - 4],
    "inline": b"a = " + make.filled("{a=")[: make.size - 4],
    "text": b'a = """' + make.filled("x\n")[: make.size - 12] + b'"""\n',
    "escapes": b'a = "' + make.filled("\\n")[: make.size - 8] + b'"\n',
    "quotes": b"a = " + b"9" * 5_000 + b"\n" + make.filled('\\"')[: make.size - 5_005],
    "open text": make.filled('"""\n'),
    "open texts": make.filled("x = '\n"),
    "digits": b"a = " + make.filled("1")[: make.size - 4],
    "hexadecimal": b"a = 0x" + make.filled("f")[: make.size - 6],
    "line ends": make.filled("\r\n"),
    "dotted": make.numbered("a.b.c.k{} = 1\n", 60_000),
    "comments": make.filled("# .a.a.a\n"),
    }  # fmt: skip


def _conventions(make: Make) -> dict[str, bytes]:
    return {
        "begins": make.filled("<!-- orchestrator:begin -->\n"),
        "text": make.filled("some words on a line\n"),
        "spaces": make.filled(" "),
    }


_OWN: Mapping[str, Callable[[Make], dict[str, bytes]]] = {
    "spec": _spec,
    "result": _result,
    "checkpoint": _checkpoint,
    "todo": _todo,
    "plan": _plan,
    "state": _state,
}


def adversaries(parser: str, size: int = SIZE) -> dict[str, bytes]:
    """Return what a parser (see `parsers`) is to be measured with."""
    make = Make(size)
    if parser in {"config", "pyproject", "script"}:
        return _toml(make)
    if parser == "conventions":
        return _conventions(make)
    if parser.startswith("front-matter"):
        return {}
    return _markdown(make) | (_OWN[parser](make) if parser in _OWN else {})
