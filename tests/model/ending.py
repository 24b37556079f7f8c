"""How every sequence ends: the person tidies up what is theirs, and the plan must come to its end and stay there."""

import re
import shutil

import aftermath
import hand
from sight import is_document, see
from step import Kind
from story import story
from terminal import Terminal
from world import World

_PATIENCE = 6  # runs, each after the dead letters of the one before it were given another chance
_AGAIN = ("done", "total", "dropped", "phase", "checkpoint", "dead_count", "planned", "problem")


def finish(world: World) -> None:
    """Bring a world to its end, whatever state it is in."""
    heals_by_itself(world)
    tidy(world)
    carry_on(world)
    world.runs_again(0)
    comes_back(world)
    world_found = aftermath.found(world.repo)
    assert not world_found, "\n".join([*world_found, *world.log])


def heals_by_itself(world: World) -> None:
    """After a kill one more run is all it takes; only something of the person's own may still stop it."""
    code, data = world.runs()
    assert code in {0, 1, 3, 5}, data
    assert code != 5 or data["error"]["hint"], data


def tidy(world: World) -> None:
    """Mend every document, take every obstacle away, and commit."""
    world.repo.write("orchestrator.toml", world.config)
    world.acts(lambda: _mend(world.repo))
    for ref in see(world.repo).refs:
        if ref.startswith("refs/orchestrator/claims/"):
            world.calls(Kind.CLAIMS, "task", "release", ref.split("/")[-1])
    assert world.repo.git("status", "--porcelain") == ""


def _mend(repo: Terminal) -> None:
    text = "".join(repo.read(path) for path in ("TODO.md",) if (repo.root / path).exists())
    text = text.replace("\r\n", "\n") or "- [ ] a:\n"
    landed, dropped = story(repo).landed, hand.dropped(text)
    marks = {task: "x" if task in landed else "-" if task in dropped else " " for task in hand.tasks(text)}
    repo.write("TODO.md", hand.plan(marks))
    for task in marks:
        repo.spec(task, f"src/{task}.txt")
    _mend_state(repo)
    for file in (repo.root / "src").glob("*.txt"):
        if "wrong" in file.read_text():
            file.write_text("mended\n")
    repo.commit("tidy")


def _mend_state(repo: Terminal) -> None:
    """Go back to the last state file the program wrote, and out of BLOCKED."""
    written = [chapter.commit for chapter in story(repo).chapters if chapter.all("Checkpoint")]
    (repo.root / "workflow-state.md").unlink(missing_ok=True)
    if written and repo.tries("checkout", "-q", written[-1], "--", "workflow-state.md"):
        state = repo.read("workflow-state.md")
        repo.write("workflow-state.md", re.sub(r"(?<=\*\*Current phase\*\*: )BLOCKED", "IMPLEMENTING", state))


def carry_on(world: World) -> None:
    """Run until all is done, with an agent that does well."""
    world.manners.clear()
    for _ in range(_PATIENCE):
        code, data = world.runs()
        if code == 0:
            break
        assert "dead" in data, "\n".join([str(data), *world.log])
        for task in data["dead"]:
            world.leads("dlq", "retry", task)
    assert data["phase"] == "COMPLETE", "\n".join([str(data), *world.log])
    assert "- [ ]" not in world.repo.read("TODO.md"), world.log


def comes_back(world: World) -> None:
    """The documents come back byte for byte from git alone, here and in a clone that never saw this machine."""
    documents = {path: data for path, data in see(world.repo).files.items() if is_document(path)}
    for repo in (world.repo, cloned(world.repo)):
        for path in documents:
            (repo.root / path).unlink()
        repo.run("doctor", "--rebuild")
        found = {path: data for path, data in see(repo).files.items() if is_document(path)}
        assert found == documents, (sorted(found), sorted(documents), world.log)
        assert repo.git("status", "--porcelain") == ""


def cloned(repo: Terminal) -> Terminal:
    """Return a clone of a person's repository, where things stand as they do there."""
    there = repo.root.parent / f"{repo.root.name}-clone"
    shutil.rmtree(there, ignore_errors=True)
    repo.git("clone", "-q", str(repo.root), str(there))
    other = Terminal(there, warm=repo.warm, skew=repo.skew)
    shown = [each.run("status", "--json").json["data"] for each in (repo, other)]
    assert {key: shown[0][key] for key in _AGAIN} == {key: shown[1][key] for key in _AGAIN}
    return other
