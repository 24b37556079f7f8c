"""A model that carries out a plan of twelve turns, and finds its way when it is told that something may have happened."""

from collections.abc import Iterator
from typing import Any

from orchestrator.testing import Reply, Request, Rule, Script, Thinking, ToolUse

SPEC_WORD = "the twelve turns"
MAYBE = "it may have happened"
RESULT = {
    "status": "complete",
    "summary": "twelve turns",
    "files": ["src/a.txt", "src/log.txt"],
    "decisions": ["the log is kept"],
    "tests_needed": [],
    "issues": [],
}


def append(word: str) -> ToolUse:
    return ToolUse("bash", {"command": f"echo {word} >> src/log.txt"})


PLAN: list[list[ToolUse]] = [
    [ToolUse("glob", {"pattern": "**"})],
    [ToolUse("read", {"path": "src/a.txt"})],
    [ToolUse("write", {"path": "src/a.txt", "content": "one\ntwo\n"})],
    [append("first")],
    [ToolUse("edit", {"path": "src/a.txt", "old": "one", "new": "one, two"})],
    [ToolUse("edit", {"path": "src/a.txt", "old": "two\n", "new": "two, two\n", "every": True})],
    [ToolUse("write", {"path": "src/b/c.txt", "content": "c\n"}), ToolUse("read", {"path": "src/a.txt"})],
    [append("second")],
    [ToolUse("grep", {"pattern": "two", "where": "src/"})],
    [append("third")],
    [ToolUse("read", {"path": "src/log.txt"})],
    [ToolUse("result", RESULT)],
]
TREE = {
    "src/a.txt": "one, two, two\ntwo, two\n",
    "src/b/c.txt": "c\n",
    "src/log.txt": "first\nsecond\nthird\n",
}


def step(request: Request) -> Reply:
    """What comes next, found in the conversation alone."""
    *_, wanted = next_uses(request)
    return Reply([Thinking(f"Step {len(request.turns)}."), *wanted])


def next_uses(request: Request) -> Iterator[list[ToolUse]]:
    """Walk through the conversation; the last one that comes out is what to do now."""
    at, doubtful = 0, False
    yield PLAN[0]
    for turn, answer in zip(request.turns[1::2], request.turns[2::2], strict=True):
        results = [text(block) for block in answer.of("tool_result")]
        if doubtful and turn.of("tool_use")[0]["input"]["command"].startswith("grep -cx"):
            at, doubtful = (at + 1, False) if results[0].endswith("1") else (at, False)
        elif any(MAYBE in result for result in results):
            doubtful = True
            word = PLAN[at][0].input["command"].split()[1]
            yield [ToolUse("bash", {"command": f"grep -cx {word} src/log.txt"})]
            continue
        else:
            at += 1
        yield PLAN[at]


def text(block: dict[str, Any]) -> str:
    return str(block["content"])


SCRIPT = Script([Rule(SPEC_WORD, [step] * 200)])
