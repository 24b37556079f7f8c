"""humanize 4.9.0 as its users had it, with a real bug and without a feature that came later, and what models make of it.

The bug: `naturalsize(999_999)` is "1000.0 kB". The feature: `natural_list`. `Words` is what the models of all roles say:
the plan, work that is wrong at first where real work would be, a rejection, and a merge.
"""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import Repo
from planned import OUTLINE_MARK, SPECS_MARK, Json, answering, spec
from roles.judges import ACCEPT, RESOLVE, REVIEW, merged, reject

from orchestrator.testing import Reply, Request, Rule, Script, Structured, ToolUse

PACKAGE = "humanize-4.9.0"
GOAL = "Sizes round up to the next unit, and lists can be said as a person would say them."
REAL = dict(os.environ)  # before any fixture hides the home directory: it may say which package index to use

SIZE = "src/humanize/filesize.py"
SIZE_TESTS = "tests/test_filesize.py"
LISTS = "src/humanize/lists.py"
LISTS_TESTS = "tests/test_lists.py"
INIT = "src/humanize/__init__.py"
INIT_TESTS = "tests/test_exports.py"
README = "README.md"
PAGE = "docs/lists.md"
PAGES = "mkdocs.yml"

_UNIT = "        if abs_bytes < unit:\n"
_UNIT_ROUNDED = "        if float(format % (base * abs_bytes / unit)) < base:\n"
_UNIT_WRONG = _UNIT_ROUNDED.replace("< base", "< 999")
_SIZE_TESTS = """

@pytest.mark.parametrize(
    "value, expected", [(999_949, "999.9 kB"), (999_999, "1.0 MB"), (10**9 - 1, "1.0 GB"), (10**28, "10000.0 YB")]
)
def test_naturalsize_rounds_up_to_the_next_unit(value: int, expected: str) -> None:
    assert humanize.naturalsize(value) == expected
"""
_LISTS = '''"""Lists for humans."""

from __future__ import annotations

__all__ = ["natural_list"]


def natural_list(items: list[object]) -> str:
    """Join items as one would say them: `one, two and three`."""
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
'''
_LISTS_HASTY = _LISTS.replace(
    '    if len(words) < 2:\n        return "".join(words)\n', "    if words[1:] == []:\n        return words[0]\n"
)
_LISTS_TESTS = '''"""Tests for lists."""

from __future__ import annotations

import pytest

from humanize.lists import natural_list


@pytest.mark.parametrize(
    "items, expected",
    [
        (["one"], "one"),
        (["one", "two"], "one and two"),
        (["one", "two", "three"], "one, two and three"),
        ([1, 2], "1 and 2"),
    ],
)
def test_natural_list(items: list[object], expected: str) -> None:
    assert natural_list(items) == expected
'''
_EMPTY_TESTED = _LISTS_TESTS.replace('        (["one"], "one"),\n', '        ([], ""),\n        (["one"], "one"),\n')
_INIT_TESTS = '''"""Tests for what the package exports."""

from __future__ import annotations

import humanize


def test_natural_list_is_exported() -> None:
    assert "natural_list" in humanize.__all__
    assert humanize.natural_list(["a", "b"]) == "a and b"
'''
_SHOWN = "'976.6K'\n```\n"
AGENTS_LINES = ">>> humanize.naturalsize(999_999)\n'1.0 MB'\n"
PERSONS_LINES = ">>> humanize.naturalsize(300)\n'300 Bytes'\n"


@dataclass(frozen=True)
class Work:
    """One task as the plan has it, and what its worker writes at each attempt: files by path, made from the old text."""

    name: str
    title: str
    goal: str
    files: Sequence[str]
    attempts: Sequence[Mapping[str, Callable[[str], str]]]
    after: Sequence[str] = ()
    new: Sequence[str] = ()

    def task(self) -> Json:
        """The task of the outline."""
        files = [{"path": path, "new": path in self.new} for path in self.files]
        return {"id": self.name, "title": self.title, "phase": "IMPLEMENTING", "after": [*self.after], "files": files}

    def contract(self) -> Json:
        """The spec."""
        return spec(self.name, *self.files, goal=self.goal, check="test -d src/humanize")


def _replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def _added(more: str) -> Callable[[str], str]:
    return lambda text: text + more


def _whole(text: str) -> Callable[[str], str]:
    return lambda _old: text


WORKS = (
    Work(
        "size-rounding",
        "Sizes round up to the next unit",
        "A size that rounds to 1000 of a unit is shown as 1.0 of the next.",
        (SIZE, SIZE_TESTS),
        (
            {SIZE: _replaced(_UNIT, _UNIT_WRONG), SIZE_TESTS: _added(_SIZE_TESTS)},
            {SIZE: _replaced(_UNIT, _UNIT_ROUNDED), SIZE_TESTS: _added(_SIZE_TESTS)},
        ),
    ),
    Work(
        "natural-list",
        "A list as a person would say it",
        "Any number of items, none as well, is joined by commas and an and.",
        (LISTS, LISTS_TESTS),
        (
            {LISTS: _whole(_LISTS_HASTY), LISTS_TESTS: _whole(_LISTS_TESTS)},
            {LISTS: _whole(_LISTS), LISTS_TESTS: _whole(_EMPTY_TESTED)},
        ),
        new=(LISTS, LISTS_TESTS),
    ),
    Work(
        "readme-sizes",
        "The README shows how a size rounds",
        "The README's sizes have one that rounds up.",
        (README,),
        ({README: _replaced(_SHOWN, _SHOWN.replace("```", f"{AGENTS_LINES}```"))},),
    ),
    Work(
        "export-list",
        "The package exports natural_list",
        "The new function can be had from the package itself.",
        (INIT, INIT_TESTS),
        (
            {
                INIT: lambda text: text.replace(
                    "from humanize.number import (",
                    "from humanize.lists import natural_list\nfrom humanize.number import (",
                ).replace('    "naturaldate",\n', '    "natural_list",\n    "naturaldate",\n', 1),
                INIT_TESTS: _whole(_INIT_TESTS),
            },
        ),
        after=("natural-list",),
        new=(INIT_TESTS,),
    ),
    Work(
        "list-page",
        "The documentation has a page on lists",
        "There is a page for the lists module, and the navigation leads to it.",
        (PAGE, PAGES),
        (
            {
                PAGE: _whole("# Lists\n\n::: humanize.lists\n"),
                PAGES: _replaced("  - Filesize: filesize.md\n", "  - Filesize: filesize.md\n  - Lists: lists.md\n"),
            },
        ),
        after=("natural-list",),
        new=(PAGE,),
    ),
)


def package(repo: Repo) -> Repo:
    """The package's source as its repository, and beside it a Python that runs its tests."""
    folder = repo.root.parent
    _python(
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-binary",
        ":all:",
        f"{PACKAGE.replace('-', '==')}",
        "-d",
        folder,
    )
    with tarfile.open(folder / f"{PACKAGE}.tar.gz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # from Python 3.11.4 on
        archive.extractall(folder)  # noqa: S202 - a release of a well-known package
    for item in (folder / PACKAGE).iterdir():
        item.rename(repo.root / item.name)
    _python(sys.executable, "-m", "venv", folder / "python")
    _python(folder / "python/bin/python", "-m", "pip", "install", "pytest", "freezegun", PACKAGE.replace("-", "=="))
    repo.commit(PACKAGE)
    return repo


def _python(*argv: str | Path) -> None:
    quiet = {**REAL, "PIP_QUIET": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([str(word) for word in argv], env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tests(repo: Repo) -> str:
    """The command that runs the package's own tests on its source."""
    return f"PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 {repo.root.parent}/python/bin/python -m pytest -q -p no:cacheprovider tests"


@dataclass
class Words:
    """What the models say, and the person who edits the README while an agent does."""

    repo: Repo
    work: Callable[["Words", Work, Mapping[str, str]], Sequence[Callable[[Request], Reply]]]
    edited: list[str] = field(default_factory=list)

    def script(self) -> Script:
        """All of it."""
        outline: Json = {
            "summary": "A bug of sizes is mended, lists are new.",
            "phases": ["IMPLEMENTING"],
            "drop": [],
            "tasks": [work.task() for work in WORKS],
            "decisions": ["natural_list knows no Oxford comma"],
        }
        contracts = {work.name: work.contract() for work in WORKS}
        rules = [
            Rule(OUTLINE_MARK, [Reply(Structured(outline))]),
            Rule(SPECS_MARK, [answering(contracts)]),
            Rule(lambda request: request.system.startswith(REVIEW), [self._judge]),
            Rule(lambda request: request.system.startswith(RESOLVE), [self._merge]),
        ]
        for work in WORKS:
            for number, made in enumerate(work.attempts, 1):
                rules.append(Rule(f"Task `{work.name}`, attempt {number},", self._worker(work, made)))
        return Script(rules)

    def _worker(self, work: Work, made: Mapping[str, Callable[[str], str]]) -> Sequence[Callable[[Request], Reply]]:
        new = {path: make(self._old(path)) for path, make in made.items()}
        turns = [*self.work(self, work, new)]
        return [self._person_first(turns[0]), *turns[1:]] if work.name == "readme-sizes" else turns

    def _old(self, path: str) -> str:
        file = self.repo.root / path
        return file.read_text() if file.exists() else ""

    def _person_first(self, turn: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        """Have a person change the same lines, and commit, before the agent has its first answer."""

        def reply(request: Request) -> Reply:
            if not self.edited:
                text = self.repo.read(README)
                self.repo.write(README, text.replace(_SHOWN, _SHOWN.replace("```", f"{PERSONS_LINES}```")))
                self.repo.git("commit", "-q", "-m", "the README shows a small size", README)
                self.edited.append(self.repo.git("rev-parse", "HEAD"))
            return turn(request)

        return reply

    def _judge(self, request: Request) -> Reply:
        hasty = "words[1:] == []" in request.newest
        return Reply(Structured(reject("an empty list raises IndexError", LISTS, 11) if hasty else ACCEPT))

    def _merge(self, request: Request) -> Reply:
        sides = re.findall(r"^(?:Ours|Theirs):\n\n```text\n(.*?\n)```", request.newest, re.DOTALL | re.MULTILINE)
        return Reply(Structured(merged("".join(sides))))


DONE = {
    "status": "complete",
    "summary": "done",
    "files": [],
    "decisions": [],
    "tests_needed": [],
    "issues": [],
}


def builtin(_words: Words, _work: Work, new: Mapping[str, str]) -> Sequence[Callable[[Request], Reply]]:
    """What a model says that works with the tools of the built-in agent."""
    writes = [ToolUse("write", {"path": path, "content": text}) for path, text in new.items()]
    replies = [Reply([ToolUse("glob", {"pattern": "src/**/*.py"})]), Reply(writes), Reply([ToolUse("result", DONE)])]
    return [lambda _request, reply=reply: reply for reply in replies]  # type: ignore[misc]


def claude_code(words: Words, _work: Work, new: Mapping[str, str]) -> Sequence[Callable[[Request], Reply]]:
    """What a model says that works with the tools of Claude Code: a file is read before it is written."""
    there = [path for path in new if (words.repo.root / path).exists()]
    turns: list[Callable[[Request], Reply]] = []
    if there:
        turns.append(
            lambda request: Reply([ToolUse("Read", {"file_path": f"{place(request)}/{path}"}) for path in there])
        )

    def write(request: Request) -> Reply:
        folder = place(request)
        return Reply(
            [ToolUse("Write", {"file_path": f"{folder}/{path}", "content": text}) for path, text in new.items()]
        )

    return [*turns, write, lambda _request: Reply([ToolUse("StructuredOutput", DONE)])]


def place(request: Request) -> str:
    """The worktree that Claude Code says it is in."""
    found = re.search(
        r"orking directory: ([^\n]+)", "\n".join([request.system, *(turn.text for turn in request.turns)])
    )
    assert found, "the prompt does not say where it is"
    return found[1].strip()
