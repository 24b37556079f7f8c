"""specs/<task>.md: the contract one attempt works by, and what a careful reader would say about it."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from orchestrator.documents import paths, spec_limits
from orchestrator.documents.codec import Section, Text
from orchestrator.documents.scan import Item
from orchestrator.documents.source import shown
from orchestrator.documents.spec_limits import Limits

_SHARED: Final = "shared"
# Names of more files, where a note stands: each in backticks, with a dot or a slash in it.
_MORE: Final = re.compile(r"(?:(?:,|and)?\s*+`(?=[^`\s()./]*+[./])[^`\s()]*+`\s*+)++")
_BLOCK: Final = re.compile(r"^(`{3,})[^`\n]*\n(.*?)\n\1`*$", re.MULTILINE | re.DOTALL)
_ACCEPTANCE: Final = 4_000  # characters of the section that are looked at
_WHOLE: Final = frozenset({"*", "**", "**/*"})


class FileEntry(NamedTuple):
    """One file, directory (`dir/`) or glob, and the note behind it."""

    path: str
    note: str
    shared: bool
    line: int


class Finding(NamedTuple):
    """Something that is no error and still worth a second look."""

    line: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Spec:
    """The contract. Sections nobody knows are kept in `text`."""

    text: Text
    title: str
    goal: str
    reads: tuple[FileEntry, ...]
    files: tuple[FileEntry, ...]
    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    deliverable: tuple[str, ...]
    limits: Limits

    @classmethod
    def parse(cls, data: bytes, path: str) -> "Spec":
        """Take the bytes, or refuse them with `file:line` and the fix."""
        text = Text.parse(data, path)
        goal = _required(text, "Goal", "one sentence")
        return cls(
            text=text,
            title=_title(text),
            goal=text.prose(goal),
            reads=tuple(_entry(text, item) for item in text.items(text.section("Files to Read"))),
            files=_files(text, _required(text, "Files to Modify", "- src/module.py (what changes)")),
            requirements=_listed(text, "Requirements"),
            constraints=_listed(text, "Constraints"),
            deliverable=_listed(text, "Deliverable"),
            limits=spec_limits.read(text),
        )

    def render(self) -> bytes:
        """The bytes this was parsed from."""
        return self.text.render()

    @property
    def acceptance(self) -> str:
        """The command that ends with 0 once the work is done: the first fenced block of `Acceptance`, "" for none."""
        found = _BLOCK.search(self.text.prose(self.text.section("Acceptance"))[:_ACCEPTANCE])
        return found[2].strip() if found else ""

    @property
    def agent(self) -> str:
        """The agent the spec asks for, "" for the default."""
        return self.limits.agent

    @property
    def model(self) -> str:
        """The model the spec asks for, "" for the agent's own."""
        return self.limits.model

    @property
    def effort(self) -> str:
        """How hard the spec wants a model to try, "" for the agent's own."""
        return self.limits.effort

    @property
    def attempts(self) -> int | None:
        """How often it may be tried, None for the default."""
        return self.limits.attempts

    @property
    def timeout(self) -> float | None:
        """Seconds an attempt may take, None for the default."""
        return self.limits.timeout

    @property
    def risky(self) -> bool:
        """Whether a checkpoint is wanted before it starts."""
        return self.limits.risky

    @property
    def review(self) -> bool | None:
        """Whether a reviewer is to judge what comes back, None for what the configuration says."""
        return self.limits.review

    @property
    def draft(self) -> bool:
        """Whether it is still being written: nobody is to start on it."""
        return self.limits.draft

    @property
    def allow(self) -> tuple[str, ...]:
        """What is allowed beyond plain files."""
        return self.limits.allow


def lint(spec: Spec) -> tuple[Finding, ...]:
    """Softer matters, in the order of their lines."""
    found = [*_lint_sections(spec), *_lint_reads(spec), *_lint_several(spec), *_lint_files(spec)]
    return tuple(sorted(found))


def _title(text: Text) -> str:
    said = text.title.text if text.title else ""
    kind, colon, rest = said.partition(":")
    return rest.strip() if colon and kind.strip().casefold() == "spec" else said


def _required(text: Text, name: str, example: str) -> Section:
    section = text.section(name)
    if section is None:
        line = text.title.line if text.title else 1
        raise text.error(line, f"the section `## {name}` is missing", hint=f"add `## {name}` and below it `{example}`")
    if not text.prose(section):
        raise text.error(section.heading.line, f"the section `{name}` is empty", hint=f"write below it `{example}`")
    return section


def _listed(text: Text, name: str) -> tuple[str, ...]:
    """A section's items; its prose as one entry when it is no list."""
    section = text.section(name)
    prose = text.prose(section)
    return tuple(text.words(item) for item in text.items(section)) or ((prose,) if prose else ())


def _files(text: Text, section: Section) -> tuple[FileEntry, ...]:
    entries = tuple(_entry(text, item) for item in text.items(section))
    if not entries:
        raise text.error(
            section.heading.line,
            "`Files to Modify` names no file",
            hint="write below it `- src/module.py (what changes)`",
        )
    lines: dict[str, int] = {}
    for entry in entries:
        found = paths.fault(entry.path)
        if found:
            raise text.error(entry.line, f"{found[0]}: `{shown(entry.path)}`", hint=found[1])
        first = lines.setdefault(entry.path, entry.line)
        if first != entry.line:
            raise text.error(
                entry.line,
                f"`{shown(entry.path)}` is named twice (first in line {first})",
                hint="keep one of the lines",
            )
    return entries


def _entry(text: Text, item: Item) -> FileEntry:
    """`path (note)`; a path with spaces stands in backticks."""
    said = text.content(item)
    if said.startswith("`"):
        path, _tick, note = said[1:].partition("`")
    else:
        path, note = [*said.split(maxsplit=1), "", ""][:2]
    note = note.strip()
    if note.startswith("(") and note.endswith(")"):
        note = note[1:-1].strip()
    words = note.casefold().replace(",", " ").replace(":", " ").replace(";", " ").split(maxsplit=1)
    return FileEntry(path, note, words[:1] == [_SHARED], item.line)


def _lint_sections(spec: Spec) -> list[Finding]:
    found = []
    for name, held in (("Requirements", spec.requirements), ("Deliverable", spec.deliverable)):
        section = spec.text.section(name)
        if not held:
            line = section.heading.line if section else 1
            hint = f"add `## {name}` with what will be checked"
            found.append(Finding(line, f"no {name}: the agent has to guess", hint))
    return found


def _lint_reads(spec: Spec) -> list[Finding]:
    faults = ((entry, paths.fault(entry.path)) for entry in spec.reads)
    return [Finding(entry.line, f"{said[0]}: `{shown(entry.path)}`", said[1]) for entry, said in faults if said]


def _lint_several(spec: Spec) -> list[Finding]:
    hint = "one file a line, in backticks where its name has spaces; a note after it in (parentheses)"
    return [
        Finding(entry.line, f"only `{shown(entry.path)}` is named here: what follows is a note", hint)
        for entry in spec.files
        if _MORE.fullmatch(entry.note) or "](" in entry.path
    ]


def _lint_files(spec: Spec) -> list[Finding]:
    whole = [
        Finding(entry.line, f"`{entry.path}` is the whole repository", "name the directories that may change")
        for entry in spec.files
        if entry.path in _WHOLE
    ]
    section = spec.text.section("Files to Modify")
    nested = [
        Finding(
            item.line,
            "a nested item names no file: it is a note of the item above",
            "write it without an indent",
        )
        for item in spec.text.scan.items
        if section and item.depth and section.start <= item.line < section.stop
    ]
    return whole + nested
