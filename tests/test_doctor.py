"""`doctor`: what it finds, what it mends, and every state file back from git."""

import shutil
from typing import Any

from harness import Repo


def findings(repo: Repo, code: int = 0) -> list[tuple[str, str, str]]:
    found: list[dict[str, Any]] = repo.run("doctor", "--json", code=code).json["data"]["findings"]
    return [(f["severity"], f["where"], f["what"]) for f in found]


def worked(repo: Repo) -> None:
    """A project with two landed tasks."""
    repo.task("one: The first", "two: The second")
    repo.spec("one", "one.txt")
    repo.spec("two", "two.txt")
    repo.shell_agent('for f; do echo done > "$f"; done', verify="true")
    repo.run("run")
    assert sorted(repo.landed()) == ["one", "two"]


def state(repo: Repo) -> dict[str, bytes]:
    paths = repo.git("ls-files", "TODO.md", "workflow-state.md", "specs", "checkpoints").split("\n")
    return {path: (repo.root / path).read_bytes() for path in paths}


def delete(repo: Repo) -> None:
    for name in ("specs", "checkpoints", ".orchestrator"):
        shutil.rmtree(repo.root / name)
    for name in ("TODO.md", "workflow-state.md"):
        (repo.root / name).unlink()


def test_a_healthy_project(repo: Repo) -> None:
    worked(repo)
    assert repo.run("doctor").out == "nothing is wrong\n"


def test_rebuild_gives_every_state_file_back(repo: Repo) -> None:
    worked(repo)
    before = state(repo)
    delete(repo)
    assert findings(repo, code=1)[0] == ("error", "TODO.md", "TODO.md is gone")
    said = repo.run("doctor", "--rebuild", "--json").json["data"]
    assert (said["changed"], len(said["done"])) == (True, len(before))
    assert state(repo) == before
    assert repo.git("status", "--porcelain") == "?? orchestrator.toml"
    assert repo.run("doctor", "--rebuild", "--json").json["data"]["changed"] is False


def test_rebuild_after_the_deletion_was_committed(repo: Repo) -> None:
    worked(repo)
    before = state(repo)
    delete(repo)
    repo.commit("all gone")
    repo.run("doctor", "--rebuild")
    assert {path: (repo.root / path).read_bytes() for path in before} == before
    repo.run("run")
    assert sorted(repo.landed()) == ["one", "two"]


def test_what_a_rebuild_replaces_is_kept_however_often(repo: Repo) -> None:
    worked(repo)
    for word in ("first", "second", "third"):
        repo.write("TODO.md", f"{repo.read('TODO.md')}\nAn hour's work: {word}\n")
        repo.run("doctor", "--rebuild")
    kept = [path.read_text() for path in repo.root.glob(".orchestrator/replaced/*/TODO.md")]
    assert sorted(text.rpartition(" ")[2] for text in kept) == ["first\n", "second\n", "third\n"]


def test_rebuild_ticks_by_the_ledger_and_keeps_what_it_replaces(repo: Repo) -> None:
    worked(repo)
    mine = repo.read("TODO.md").replace("[x] two", "[ ] two") + "\nmy own words\n"
    repo.write("TODO.md", mine)
    assert ("error", "TODO.md:6", "two is not ticked, but it has landed") in findings(repo, code=1)
    before = repo.git("show", "HEAD:TODO.md") + "\n"
    repo.run("doctor", "--rebuild")
    assert repo.read("TODO.md") == before
    kept = list((repo.root / ".orchestrator" / "replaced").rglob("TODO.md"))
    assert [path.read_text() for path in kept] == [mine]


def test_what_does_not_fit_is_found_with_its_line(repo: Repo) -> None:
    repo.write(
        "orchestrator.toml",
        '[agents.a]\ncommand = ["no-such-agent"]\n[verify]\ncommand = "no-such-check -q"\n',
    )
    repo.task("one: The first", "two: The second", "three: The third")
    repo.spec("one", "a.txt", ".github/workflows/ci.yml")
    repo.spec("stray", "b.txt")
    repo.write("specs/three.md", "# Spec: three\n")
    repo.commit()
    found = findings(repo, code=1)
    assert [one for one in found if one[0] != "note"] == [
        ("error", "", "agents.a.command: no command 'no-such-agent' on PATH"),
        ("error", "specs/three.md:1", "the section `## Goal` is missing"),
        ("error", "specs/one.md:10", ".github/workflows/ci.yml is protected"),
        ("warning", "", "verify.command: there is no command 'no-such-check'"),
        ("warning", "TODO.md:6", "two has no spec"),
        ("warning", "specs/stray.md", "no task is called stray"),
    ]


def test_a_wrong_configuration_is_a_finding_not_the_end(repo: Repo) -> None:
    repo.write("orchestrator.toml", "[limits]\njobz = 3\n")
    repo.task("one: The first")
    found = findings(repo, code=1)
    assert ("error", "orchestrator.toml:2", "unknown key limits.jobz") in found
    assert ("warning", "TODO.md:5", "one has no spec") in found


def test_fix_removes_stale_locks_and_records_an_abandoned_run(repo: Repo) -> None:
    worked(repo)
    repo.write(".git/index.lock", "")
    (repo.root / ".orchestrator" / ".gitignore").unlink()
    (repo.root / ".orchestrator" / "worktrees" / "two-9").mkdir()
    found = findings(repo, code=1)
    assert [one for one in found if one[0] != "note"] == [
        ("error", "", "a stale git lock: .git/index.lock"),
        ("warning", "", "an abandoned run: two were at work"),
        ("warning", "", ".orchestrator/ has no .gitignore"),
    ]
    said = repo.run("doctor", "--fix").out
    assert said.startswith("fixed: .orchestrator/.gitignore was missing\nfixed: removed stale git locks: index.lock\n")
    assert repo.run("doctor").out.startswith("nothing is wrong\n")
    assert not (repo.root / ".git" / "index.lock").exists()


def test_a_tick_by_hand_is_noted(repo: Repo) -> None:
    worked(repo)
    repo.run("task", "add", "three", "The third")
    repo.write("TODO.md", repo.read("TODO.md").replace("[ ] three", "[x] three"))
    assert findings(repo) == [("note", "TODO.md:7", "three is ticked, but it has not landed")]


def test_the_findings_are_bounded(repo: Repo) -> None:
    repo.task(*[f"t{number}: Task {number}" for number in range(30)])
    said = repo.run("doctor", "--json").json
    assert (len(said["data"]["findings"]), said["truncated"]) == (20, True)
    everything = repo.run("doctor", "--all", "--json").json["data"]
    assert len(everything["findings"]) == everything["total"] == said["data"]["total"] > 30


def test_a_detached_head_is_an_error(repo: Repo) -> None:
    repo.git("checkout", "-q", "--detach")
    assert findings(repo, code=1)[0] == ("error", "", "HEAD is detached: there is no branch to land on")


def test_the_checklist_says_what_is_still_missing(repo: Repo) -> None:
    repo.write("CLAUDE.md", "# Our rules\n")
    repo.run("init")
    repo.run("task", "add", "one", "The first")
    ticks = {item["what"]: item["ticked"] for item in repo.run("doctor", "--json").json["data"]["checklist"]}
    assert ticks == {
        "State machine defined": True,
        "CLAUDE.md written": True,
        "TODO.md created": True,
        "Checkpoint strategy decided": True,
        "Sub-agent specs templated": False,
        "Failure recovery plan": True,
        "Human checkpoints placed": False,
        "Commit strategy": False,
        "Context budget estimated": False,
    }
