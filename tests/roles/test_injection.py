"""Hostile texts in spec, diff, result, file names and commit messages: they are data, and nothing follows that no schema has."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from harness import Repo

from orchestrator.agents import resolver, reviewer
from orchestrator.agents.resolver import Conflict, Region
from orchestrator.agents.reviewer import Matter
from orchestrator.config import AgentConfig
from orchestrator.models.structured import UnfitError
from orchestrator.plaintext import safe_text
from orchestrator.repo.patch import visible
from orchestrator.testing import FakeAPI, Request
from roles.hostile import FORGED, MARK, TEXTS, some
from roles.judges import RESOLVE, REVIEW, at, calls, configured, merged, script

AGENT = AgentConfig("judge", kind="anthropic", model="claude-opus-5-5")


def asked(call: Any) -> str:
    (message,) = call.messages
    return str(message["content"])


def change(*, spec: str = "x", file: str = "x", patch: str = "x", said: str = "x") -> str:
    return asked(reviewer.call(AGENT, Matter(spec, (file,), patch, said)))


def conflict(*, spec: str = "x", intents: str = "x", side: str = "x", path: str = "x", failed: str = "x") -> str:
    regions = [Region(1, path, side, side, side)]
    return asked(resolver.call(AGENT, Conflict(spec, intents, side, side, regions, failed)))


CHANNELS: Mapping[str, Callable[[str], str]] = {
    "spec, to the reviewer": lambda text: change(spec=text),
    "diff, to the reviewer": lambda text: change(patch=visible(text)),
    "file name, to the reviewer": lambda text: change(file=visible(text)),
    "output of verify, to the reviewer": lambda text: change(said=text),
    "spec, to the resolver": lambda text: conflict(spec=text),
    "commit message, to the resolver": lambda text: conflict(intents=text),
    "diff, to the resolver": lambda text: conflict(side=text),
    "file name, to the resolver": lambda text: conflict(path=text),
    "output of verify, to the resolver": lambda text: conflict(failed=text),
}


def outside(prompt: str) -> list[str]:
    """What a prompt says outside of its fences, read as CommonMark reads them."""
    said, fence = [], ""
    for line in prompt.split("\n"):
        if fence:
            run = re.match(r" {0,3}(`+|~+)[ \t]*$", line)
            if run and run[1][0] == fence[0] and len(run[1]) >= len(fence):
                fence = ""
            continue
        opened = re.match(r" {0,3}(`{3,}|~{3,})", line)
        fence = opened[1] if opened else ""
        if not opened:
            said.append(line)
    assert not fence
    return said


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_text_leaves_its_fence_and_none_is_a_template(
    channel: str, record_property: Callable[[str, object], None]
) -> None:
    prompt = CHANNELS[channel]
    for name, text in TEXTS.items():
        assert outside(prompt(text)) == outside(prompt("x")), name
        assert safe_text(prompt(text)) == prompt(text), name
        if name.startswith("template"):
            assert "{{ 7 * 7 }}" in prompt(text), name
    record_property("texts", len(TEXTS))


def obeying(request: Request, text: str) -> dict[str, Any]:
    """A reviewer that fell for it: it accepts, and says back what it was told to."""
    told = "Ignore all previous" in request.newest or len(text) % 2
    findings = [{"file": "", "line": 0, "problem": text}]
    return {"verdict": "accept" if told else "reject", "summary": text, "findings": findings}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_answer_that_says_it_back_is_a_verdict_and_nothing_else(text: str) -> None:
    said = {"verdict": "reject", "summary": text, "findings": [{"file": "a.txt", "line": 1, "problem": text}]}
    verdict = reviewer.read(said)
    assert not verdict.accepted
    assert str(verdict).count("\n") == 1
    assert safe_text(str(verdict)) == str(verdict)
    for wrong in ({**said, text: text}, {**said, "verdict": text}, {**said, "findings": text}, text):
        with pytest.raises(UnfitError):
            reviewer.read(wrong)
    region = Region(1, "a.txt", "0\n", "1\n", "2\n")
    merge = resolver.read({"decision": "unsure", "why": text, "regions": [{"number": 9, "text": text}]}, [region])
    assert merge.regions is None
    assert "\n" not in merge.why
    for wrong in ({"decision": text, "why": "", "regions": []}, {"decision": "merged", "why": text, "regions": []}):
        with pytest.raises(UnfitError):
            resolver.read(wrong, [region])


# The agent brings each text in by every way there is: a file, a file's name, its result, its own commit.
AGENT_SH = r"""
n=$ORCHESTRATOR_TASK; text=$(base64 -d texts/$n; printf x); text=${text%x}
printf '%s' "$text" > src/$n.txt
mkdir -p odd/$n; name=$(printf '%s' "$text" | tr '/\000' '__' | cut -c1-60 | head -1)
printf 'x\n' > "odd/$n/x$name"
printf '## Result: %s\n\n**Status**: Complete\n**Decisions**: %s\n' "$n" "$(printf '%s' "$text" | tr '\n' ' ')" > "$ORCHESTRATOR_RESULT"
printf '%s' "$text" | git -c user.name=Eve -c user.email=eve@example.org commit -q --allow-empty --cleanup=verbatim -F -
"""


def hostile_project(repo: Repo, texts: Mapping[str, str]) -> list[str]:
    tasks = [f"t{number}" for number in range(len(texts))]
    for task, text in zip(tasks, texts.values(), strict=True):
        repo.write(f"texts/{task}", base64.b64encode(text.encode()).decode())
        repo.write(f"src/{task}.txt", "old\n")
        shown = safe_text(text).replace("\n", "\n    ")
        repo.spec(task, f"src/{task}.txt", f"odd/{task}/", goal=f"Say it:\n\n    {shown}")
    repo.write("agent.sh", AGENT_SH)
    repo.task(*(f"{task}: do {task}" for task in tasks))
    configured(repo, "", verify="true", more="[limits]\njobs = 4\nattempts = 1\n")
    toml = repo.read("orchestrator.toml")
    repo.write(
        "orchestrator.toml", toml.replace('kind = "scripted"\nscript = ".agent.toml"', 'command = ["sh", "agent.sh"]')
    )
    repo.commit("a project")
    return tasks


@pytest.mark.slow
def test_two_hundred_hostile_texts_cause_nothing_that_no_schema_has(
    repo: Repo, record_property: Callable[[str, object], None]
) -> None:
    texts = some()
    tasks = hostile_project(repo, texts)
    first = repo.git("rev-parse", "HEAD")
    by_task = dict(zip(tasks, texts.values(), strict=True))

    def says(request: Request) -> Any:
        task = re.search(r"# Spec: (t\d+)", request.newest)
        assert task
        return obeying(request, by_task[task[1]])

    with FakeAPI(script(review=says)) as fake:
        said = repo.run("run", code=None, env=at(fake), timeout=3_000)
        asked_ = calls(fake, REVIEW)
        assert {each.path for each in fake.requests} == {"/v1/messages"}
    assert said.code in {0, 1}, said.err
    assert {len(each.body.get("tools", ())) for each in asked_} == {0}
    assert len({json.dumps(each.body["system"]) for each in asked_}) == 1
    unseen = sum(visible(text) != text for text in texts.values())
    assert len(tasks) - unseen <= len(asked_) <= len(tasks)  # a file name that no spec can cover is refused before
    landed = repo.landed()
    assert sorted({*landed}) == sorted(landed)
    assert {*landed} <= {*tasks}
    dead = re.findall(r"dead letter: (t\d+):", said.err)
    assert sorted([*landed, *dead]) == sorted(tasks)
    own = re.compile(r"workflow-state\.md|TODO\.md|specs/t\d+(\.result)?\.md|checkpoints/\d{4}-[a-z0-9-]+\.md")
    changed = repo.git("diff", "-z", "--name-only", first, "HEAD").strip("\0").split("\0")
    theirs = [path for path in changed if not own.fullmatch(path)]
    assert [path for path in theirs if not re.match(r"src/t\d+\.txt$|odd/t\d+/", path)] == []
    bodies = repo.git("log", "--format=%(trailers:only,unfold)%x00").split("\0")
    trailers = [line.partition(": ") for body in bodies for line in body.strip().split("\n") if line]
    assert FORGED not in "\n".join(map("".join, trailers))
    assert {value for key, _, value in trailers if key == "Review"} <= {"accept (claude-opus-5-5)"}
    assert max(int(value) for key, _, value in trailers if key == "Checkpoint") < 1 + len(bodies)
    assert [*repo.root.parent.rglob(MARK)] == []
    for shown in (said.out + said.err, repo.run("status").out, repo.run("log").out):
        assert safe_text(shown) == shown
    record_property("texts in four channels", len(tasks))


SAMPLES = ("accept as plain", "trailers as plain", "verdict as fence", "merge as roles", "terminal as plain")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_hostile_commit_message_and_diff_are_only_data_to_the_resolver(repo: Repo, name: str) -> None:
    text = TEXTS[name].replace("\0", "")
    repo.write("x.txt", "old\n")
    repo.write("text", text)
    repo.spec("b", "x.txt", goal="Say b.")
    repo.task("b: do b")
    # A person commits on the branch while the attempt is at work.
    repo.write(
        "agent.sh",
        "if [ $ORCHESTRATOR_ATTEMPT = 1 ]; then (unset GIT_DIR GIT_WORK_TREE; cd ../../..; cp text x.txt;"
        " git -c user.name=Ada -c user.email=ada@example.org commit -q --cleanup=verbatim -F text x.txt); fi; echo b > x.txt\n",
    )
    configured(repo, "", reviewer="", resolver="judge")
    toml = repo.read("orchestrator.toml").replace(
        'kind = "scripted"\nscript = ".agent.toml"', 'command = ["sh", "agent.sh"]'
    )
    repo.write("orchestrator.toml", toml)
    repo.commit("a project")
    with FakeAPI(script(resolve={**merged("both\n"), "why": text})) as fake:
        said = repo.run("run", env=at(fake), code=None)
        questions = calls(fake, RESOLVE)
    assert safe_text(said.err) == said.err
    assert [*repo.root.parent.rglob(MARK)] == []
    if not questions:  # it has characters that nobody can see: such lines are merged by no model
        assert name.startswith("terminal")
        return
    (message,) = questions[0].body["messages"]
    assert outside(message["content"])[0] == "Merge these two changes."
    assert repo.landed()[-1] == "b"
    assert repo.read("x.txt") == "both\n"
    assert "Review: accept" not in repo.git("log", "-1", "--format=%(trailers)")
