"""What a person does to a document in an editor: text in, text out. Some of it is fine, some a mistake."""

import re
from collections.abc import Callable, Mapping

Edit = Callable[[str, str], str]  # the document's text and the name of a task


def _marked(mark: str) -> Edit:
    return lambda text, task: re.sub(rf"^- \[.\] {task}:", f"- [{mark}] {task}:", text, flags=re.MULTILINE)


def _swapped(text: str, task: str) -> str:
    """Move the task's line up over the one before it."""
    return re.sub(rf"^(- \[.\] .*\n)(- \[.\] {task}:.*\n)", r"\2\1", text, flags=re.MULTILINE)


def _after_line(text: str, task: str, more: str) -> str:
    return re.sub(rf"^(- \[.\] {task}:.*)$", rf"\1{more}", text, count=1, flags=re.MULTILINE)


TODO: Mapping[str, Edit] = {
    "ticks": _marked("x"),
    "unticks": _marked(" "),
    "crosses out": _marked("-"),
    "garbles": _marked("?"),
    "moves up": _swapped,
    "retitles": lambda text, task: re.sub(rf"^(- \[.\] {task}:).*$", r"\1 something else", text, flags=re.MULTILINE),
    "deletes": lambda text, task: re.sub(rf"^- \[.\] {task}:.*\n", "", text, flags=re.MULTILINE),
    "adds": lambda text, task: text if f"] {task}:" in text else f"{text.rstrip()}\n- [ ] {task}: a person's idea\n",
    "explains": lambda text, task: _after_line(text, task, "\n  because a person wants it"),
    "closes a circle with": lambda text, task: _after_line(text, task, f" (after: {task})"),
    "remarks on": lambda text, task: f"A remark on {task}.\n\n{text}",
    "writes on Windows about": lambda text, _task: text.replace("\r\n", "\n").replace("\n", "\r\n"),
}

STATE: Mapping[str, Edit] = {
    "decides about": lambda text, task: f"{text.rstrip()}\n- 10:00: a person decided about {task}\n",
    "blocks for": lambda text, _task: re.sub(r"(?<=\*\*Current phase\*\*: )\w+", "BLOCKED", text),
    "opens for": lambda text, _task: re.sub(r"(?<=\*\*Current phase\*\*: )\w+", "IMPLEMENTING", text),
    "moves on for": lambda text, _task: re.sub(r"(?<=\*\*Current phase\*\*: )\w+", "TESTING", text),
    "dreams of": lambda text, _task: re.sub(r"(?<=\*\*Current phase\*\*: )\w+", "DREAMING", text),
    "calls all complete with": lambda text, _task: text.replace("IN_PROGRESS", "COMPLETE"),
}

SPEC: Mapping[str, Edit] = {
    "constrains": lambda text, _task: f"{text.rstrip()}\n\n## Constraints\n\n- be gentle\n",
    "widens": lambda text, task: text.replace(f"- src/{task}.txt\n", f"- src/{task}.txt\n- src/shared.txt\n"),
    "drafts": lambda text, _task: text.replace("\n## Goal", "\n**Draft**: yes\n\n## Goal", 1),
    "finishes": lambda text, _task: text.replace("\n**Draft**: yes\n", ""),
    "keeps": lambda text, _task: text.replace("\n## Goal", "\n**Agent**: person\n\n## Goal", 1),
    "hands over": lambda text, _task: text.replace("\n**Agent**: person\n", ""),
    "garbles": lambda text, task: text.replace(f"- src/{task}.txt", "- ../outside.txt"),
}


def plan(tasks: Mapping[str, str]) -> str:
    """Return a TODO.md of these tasks with their marks, as somebody writes it who has had enough of mistakes."""
    lines = "\n".join(f"- [{mark}] {task}: do {task}" for task, mark in tasks.items())
    return f"# TODO\n\n## Implementing\n\n{lines}\n"


def tasks(text: str) -> list[str]:
    """Return the ids of every line that might be a task."""
    return list(dict.fromkeys(re.findall(r"^- \[.\] (\w+):", text, flags=re.MULTILINE)))


def dropped(text: str) -> set[str]:
    """Return the ids of the tasks that are crossed out."""
    return set(re.findall(r"^- \[-\] (\w+):", text, flags=re.MULTILINE))
