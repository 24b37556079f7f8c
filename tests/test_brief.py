"""The re-entry pack: what it says, and that it stays within its budget whatever the project looks like."""

import re
import subprocess
from pathlib import Path

import pytest
from harness import Repo

from orchestrator import plan as planning
from orchestrator.brief import MOST_BUDGET, Documents, brief
from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.documents.todo import Todo
from orchestrator.repo.history import NOTHING
from orchestrator.steps.standing import Situation

TASKS, POINTS = 1_000, 500
STATE = (
    "# Workflow State\n\n**Workflow**: {name}\n**Current phase**: IMPLEMENTING\n**Last checkpoint**: 2026-02-01 10:00\n"
)
WIDE = "測試🚀" * 60


def blob(path: str, content: str) -> bytes:
    data = content.encode()
    return f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"


def commit(number: int, message: str) -> bytes:
    data = message.encode()
    head = f"commit refs/heads/main\ncommitter A <a@example.org> {1_770_000_000 + number * 60} +0000\n"
    return head.encode() + f"data {len(data)}\n".encode() + data + b"\n"


def landing(number: int) -> str:
    return (
        f"t{number}: done\n\nWorkflow: long\nTask: t{number}\nAttempt: 1\nAgent: sh\n"
        f"Verified: proved by `true`\nCheckpoint: {number + 1:04d}\nPhase: IMPLEMENTING\n"
    )


def checkpoint(number: int, words: str) -> str:
    many = "\n".join(f"- {words} {n}" for n in range(60))
    return (
        f"# Checkpoint: after {number} {words}\n\n## State Summary\n\n{many}\n\n"
        f"## Key Decisions (do not re-evaluate)\n\n{many}\n\n## Current File State\n\n{many}\n\n"
        f"## Next Actions (in order)\n\n1. {words}\n"
    )


def long_project(root: Path, words: str) -> Repo:
    """A thousand tasks, half of them landed with a checkpoint each; one fast-import, no checkout."""
    repo = Repo(root).init()
    todo = "\n".join(f"- [{'x' if n < POINTS else ' '}] t{n}: {words} {n}" for n in range(TASKS))
    stream = bytearray()
    for number in range(POINTS):
        stream += commit(number, landing(number))
        stream += blob(f"checkpoints/{number + 1:04d}-t{number}.md", checkpoint(number, words[:40]))
    stream += commit(POINTS, "the documents\n") + blob("TODO.md", f"# TODO\n\n## Implementing\n\n{todo}\n")
    stream += blob("workflow-state.md", STATE.format(name=words[:100]))
    for number in range(TASKS):
        stream += blob(f"specs/t{number}.md", f"# Spec: s\n\n## Goal\n\n{words}\n\n## Files to Modify\n\n- f{number}\n")
    stream += blob("checkpoints/0500-t499.md", checkpoint(POINTS, words))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=root, env=repo.env, input=bytes(stream), check=True)
    repo.write("CLAUDE.md", f"# Rules\n\n{words}\n\n" + "\n".join(f"- {words} {n}" for n in range(200)))
    return repo


def measured(text: str) -> tuple[int, int, int]:
    last = re.fullmatch(
        r"size: (\d+) tokens estimated \((\d+) bytes / 3\), (\d+) characters",
        text.rstrip("\n").split("\n")[-1],
    )
    assert last, text[-200:]
    return int(last[1]), int(last[2]), int(last[3])


@pytest.fixture(scope="module", params=["Rework the module", "x" * 900, WIDE], ids=["plain", "lines", "wide"])
def long(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return long_project(tmp_path_factory.mktemp("long") / "repo", request.param)


@pytest.mark.parametrize(("flags", "budget"), [((), 2_400), (("--budget", "4000"), 4_000), (("--budget", "200"), 200)])
def test_a_long_project_fits(long: Repo, flags: tuple[str, ...], budget: int) -> None:
    text = long.run("brief", *flags).out
    size = len(text.encode())
    assert measured(text) == (-(-size // 3), size, len(text))
    assert -(-size // 3) <= budget
    assert budget > 2_400 or len(text) <= 8_000
    assert budget < 2_400 or ("- Phase IMPLEMENTING; 500 of 1000 tasks landed" in text and "1. " in text)


def test_status_of_a_long_project_is_short(long: Repo) -> None:
    said = long.run("status")
    assert len((said.out + said.err).splitlines()) <= 25
    assert "500 of 1000 tasks landed" in said.out


def situation(words: str, tasks: int) -> Situation:
    lines = "\n".join(f"- [ ] t{n}: {words}" for n in range(tasks))
    todo = Todo.parse(f"## Implementing\n\n{lines}\n".encode())
    return Situation("", todo, None, planning.build(todo, {}, ()), NOTHING, {}, {})


@pytest.mark.parametrize("words", ["a", "word " * 80, WIDE, "`` ``` \u2028 | # <!--", "é" * 149 + "🚀"])
@pytest.mark.parametrize("tasks", [1, 30])
def test_every_budget_holds(words: str, tasks: int) -> None:
    point = Checkpoint.parse(checkpoint(1, words).encode(), "checkpoints/0001-x.md")
    documents = Documents(
        situation(words, tasks), words * 9, "IMPLEMENTING", point, "checkpoints/0001-x.md",
        f"```\n{words}\n" * 40, "CLAUDE.md", [words] * 20,
    )  # fmt: skip
    shares = []
    for budget in range(200, MOST_BUDGET + 1, 95):
        pack = brief(documents, budget)
        assert (pack.tokens, pack.size, pack.characters) == measured(pack.text)
        assert (pack.size, pack.characters) == (len(pack.text.encode()), len(pack.text))
        assert pack.tokens <= budget
        assert pack.text.count("\n```") % 2 == 0
        shares.append(pack.tokens)
    assert shares == sorted(shares), "a larger budget says no less"


def small(repo: Repo) -> Repo:
    repo.write("TODO.md", "# TODO\n\n## Implementing\n\n- [ ] a: do a\n- [ ] b: do b (after: a)\n- [-] c: do c\n")
    repo.spec("a", "a.txt")
    repo.write("workflow-state.md", STATE.format(name="small"))
    repo.write(
        "checkpoints/0003-by-hand.md",
        "# Checkpoint: half way\n\n## State Summary\n\n- Going well\n\n"
        "## Key Decisions\n\n- old one\n- new one\n\n"
        "## Next Actions\n\n1. Ask Ada about the key\n2. a: do a\n",
    )
    repo.write(
        "CLAUDE.md",
        "# The rules\n\nUse tabs.\n\n\n\n<!-- orchestrator:begin -->\nours\n<!-- orchestrator:end -->\n"
        "```sh\n# run\nmake\n```\n",
    )
    repo.commit("a project")
    return repo


def test_what_it_says(repo: Repo) -> None:
    text = small(repo).run("brief").out
    assert text.rpartition("size: ")[0] == (
        "# small\n\nA fresh session: read this, then go on with the first next action.\n\n"
        "## State\n\n- Phase IMPLEMENTING; 0 of 2 tasks landed\n"
        "- Phases: PLANNING 0/0, IMPLEMENTING 0/2, TESTING 0/0, DEPLOYING 0/0\n\n"
        "## Next actions (in order)\n\n1. Ask Ada about the key\n2. a: do a\n"
        "3. b: do b (held up: no spec)\n\n"
        "## Latest checkpoint: half way (`checkpoints/0003-by-hand.md`)\n\n- Going well\n\n"
        "## Decisions, newest first (do not re-evaluate)\n\n- new one\n- old one\n\n"
        "## Conventions (CLAUDE.md)\n\n### The rules\n\nUse tabs.\n\n```sh\n# run\nmake\n```\n\n"
        "## Where the rest is\n\n- `specs/a.md`: the contract of `a`\n"
        "- `orchestrator status`: where things stand now; `orchestrator run` carries the plan on\n"
        "- `checkpoints/0003-by-hand.md`: the whole checkpoint\n"
        "- `TODO.md`, `workflow-state.md`: all tasks; phases, progress and decisions\n"
        "- `orchestrator log`, `orchestrator inspect TASK`, `orchestrator diff A..B`: what was done\n\n"
    )


def test_the_source_changes_the_lead_alone(repo: Repo) -> None:
    small(repo)
    packs = {why: repo.run("brief", "--source", why).out.split("\n") for why in ("resume", "compact")}
    assert packs["resume"][2].startswith("A resumed session")
    assert packs["compact"][2].startswith("The conversation was compacted")
    assert packs["resume"][3:-2] == packs["compact"][3:-2]


def test_conventions_fall_back_to_the_next_name(repo: Repo) -> None:
    small(repo)
    (repo.root / "CLAUDE.md").unlink()
    (repo.root / "CLAUDE.md").symlink_to("AGENTS.md")
    repo.write("AGENTS.md", "Use spaces.\n")
    assert "## Conventions (AGENTS.md)\n\nUse spaces.\n" in repo.run("brief").out


def test_without_a_plan(repo: Repo) -> None:
    said = repo.run("brief", code=5)
    assert (said.out, said.err.split("\n")[0]) == ("", "error: there is no plan here: no TODO.md")
