"""A person edits, commits and leaves things lying about while a run is going: all of it is kept and taken in."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from harness import Repo

from orchestrator.repo.history import NOTHING
from orchestrator.repo.remembered import recall, remember


def slow_project(repo: Repo, *, seconds: float = 1.0) -> None:
    for name in ("a", "b"):
        repo.write(f"{name}.txt", "old\n")
        repo.spec(name, f"{name}.txt")
    repo.task("a: do a", "b: do b (after: a)")
    repo.shell_agent(f'sleep {seconds}; echo "new $(grep -c . $ORCHESTRATOR_SPEC)" > "$1"', verify="sleep 0.2")
    repo.commit("a project")


def while_running(repo: Repo, act: Callable[[], None], *, code: int = 0, after: str = "attempts/a/1/order.json") -> str:
    """Start a run, wait until `after` exists under .orchestrator, act, and return the run's stderr."""
    run = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "run"],
        cwd=repo.root,
        env=repo.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not (repo.root / ".orchestrator" / after).exists():
        assert time.monotonic() < deadline
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)
    act()
    _, err = run.communicate(timeout=60)
    assert run.returncode == code, err
    return err


def test_edits_commits_and_loose_files_all_survive_and_are_taken_in(repo: Repo) -> None:
    slow_project(repo)

    def act() -> None:
        time.sleep(0.3)
        todo = repo.read("TODO.md")
        repo.write("TODO.md", f"Mind the gap.\n{todo}- [ ] c: do c, a person's idea\n")
        repo.spec("c", "c.txt", goal="What a person wants.")
        repo.write("specs/b.md", repo.read("specs/b.md") + "\n## Constraints\n\n- be gentle\n")
        state = repo.read("workflow-state.md")
        repo.write("workflow-state.md", state.rstrip("\n") + "\n- 10:00: a person decided\n")
        repo.write("mine.txt", "a commit of mine\n")
        repo.git("add", "mine.txt")
        repo.git("commit", "-q", "-m", "mine", "--", "mine.txt")
        repo.write("loose.txt", "not committed\n")

    while_running(repo, act)
    assert sorted(repo.landed()) == ["a", "b", "c"]
    assert repo.read("TODO.md").startswith("Mind the gap.\n# TODO\n")
    assert "- [x] c: do c, a person's idea\n" in repo.read("TODO.md")
    assert "- be gentle" in repo.git("show", "HEAD:specs/b.md")
    assert "be gentle" in (repo.root / ".orchestrator/attempts/b/1/spec.md").read_text()
    assert "- 10:00: a person decided" in repo.git("show", "HEAD:workflow-state.md")
    assert repo.read("loose.txt") == "not committed\n"
    assert repo.git("status", "--porcelain") == "?? loose.txt"
    assert "mine" in repo.git("log", "--format=%s").split("\n")
    edits = repo.git("log", "--format=%an%x09%s", "--grep=^Edited:").split("\n")
    assert all(line.startswith("Ada Person\tedit: ") for line in edits)


def test_an_edited_spec_starts_its_running_task_again(repo: Repo) -> None:
    slow_project(repo, seconds=3)

    def act() -> None:
        repo.write("specs/a.md", repo.read("specs/a.md").replace("Do it.", "Do it differently."))

    while_running(repo, act)
    assert "| 1 | failed | interrupted |" in repo.read("specs/a.result.md")
    assert "Attempt: 2" in repo.git("log", "--grep=^Task: a", "--format=%B")


CONTRADICTIONS = {
    "cycle": ("TODO.md", lambda text: text.replace("do a", "do a (after: b)"), "TODO.md:6: a circle"),
    "unknown": ("TODO.md", lambda text: text.replace("(after: a)", "(after: z)"), "TODO.md:6: b comes after z"),
    "conflict": ("TODO.md", lambda text: "<<<<<<< HEAD\n" + text, "TODO.md:1: "),
    "mark": ("TODO.md", lambda text: text.replace("[ ] b", "[?] b"), "TODO.md:6: "),
    "phase": (
        "workflow-state.md",
        lambda text: text.replace("**Current phase**: IMPLEMENTING", "**Current phase**: DREAMING"),
        "workflow-state.md:4: 'DREAMING' is no phase",
    ),
    "early": (
        "workflow-state.md",
        lambda text: text.replace("IMPLEMENTING | IN_PROGRESS", "IMPLEMENTING | COMPLETE"),
        "IMPLEMENTING is COMPLETE here, but TODO.md:5 has a open",
    ),
    "spec": ("specs/b.md", lambda text: text.replace("- b.txt", "- ../b.txt"), "specs/b.md:9: "),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_line_and_nothing_changes_until_it_is_mended(repo: Repo, name: str) -> None:
    path, change, message = CONTRADICTIONS[name]
    slow_project(repo, seconds=0.6)
    before: list[str] = []

    def act() -> None:
        before.append(repo.read(path))
        repo.write(path, change(before[0]))
        assert repo.read(path) != before[0]

    err = while_running(repo, act, code=5)
    assert message in err
    assert repo.landed() == []
    assert repo.read(path) == change(before[0])
    repo.write(path, before[0])
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert "Attempt: 1" in repo.git("log", "--grep=^Task: a", "--format=%B"), "the finished attempt was not run again"


def test_a_mistake_that_is_mended_in_time_costs_nothing(repo: Repo) -> None:
    slow_project(repo, seconds=2)

    def act() -> None:
        good = repo.read("TODO.md")
        repo.write("TODO.md", good.replace("[ ] b", "[?] b"))
        time.sleep(1.5)
        repo.write("TODO.md", good + "\nMended.\n")

    err = while_running(repo, act)
    assert "TODO.md:6: " in err
    assert sorted(repo.landed()) == ["a", "b"]
    assert "Mended." in repo.git("show", "HEAD:TODO.md")


def test_a_box_ticked_by_hand_is_done_by_hand(repo: Repo) -> None:
    slow_project(repo)
    repo.write("TODO.md", repo.read("TODO.md").replace("[ ] a", "[x] a"))
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert "Approved-by: Ada Person <ada@example.org>" in repo.git("log", "--grep=^Task: a", "--format=%B")
    assert repo.read("a.txt") == "old\n"


@pytest.mark.parametrize("how", ["--mixed", "--soft"])
def test_a_landing_that_a_person_took_back_in_git_is_not_done_by_hand(repo: Repo, how: str) -> None:
    slow_project(repo, seconds=0)
    repo.run("run", "--jobs", "1")
    last = repo.landed()[-1]
    repo.git("reset", "-q", how, "HEAD~1")
    said = repo.run("run", code=5)
    why = f"{last} is ticked, but its finished attempt 1 has not landed"
    assert f"TODO.md:{'ab'.index(last) + 5}: {why}" in said.err
    assert why in repo.run("status", "--json").json["data"]["refused"]
    assert why in repo.run("doctor").out
    repo.run(*said.err.partition("hint: orchestrator ")[2].partition(",")[0].split())
    repo.run("run")
    assert repo.landed().count(last) == 1
    assert f"{last}.txt" in repo.git("log", "-1", "--format=", "--name-only", f"--grep=^Task: {last}")
    assert repo.git("status", "--porcelain") == ""


def test_unticking_what_landed_is_refused(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.run("run")
    repo.write("TODO.md", repo.read("TODO.md").replace("[x] a", "[ ] a"))
    said = repo.run("run", code=5)
    assert "TODO.md:5: a is marked `[ ]`, but commit" in said.err


@pytest.mark.parametrize("way", ["basic", "fixed", "extended", "perl"])
def test_a_reverted_landing_opens_its_task_again_however_a_person_greps(repo: Repo, way: str) -> None:
    slow_project(repo, seconds=0)
    repo.run("run")
    commit = repo.git("log", "--grep=^Task: b", "--format=%H", "-1")
    repo.git("revert", "--no-edit", commit)
    repo.git("config", "grep.patternType", way)
    repo.run("run")
    repo.git("config", "--unset", "grep.patternType")
    assert sorted(repo.landed()) == ["a", "b", "b"]
    assert "Attempt: 2" in repo.git("log", "-1", "--grep=^Task: b", "--format=%B")


def test_an_uncommitted_change_in_the_way_stops_the_landing_and_names_the_file(repo: Repo) -> None:
    slow_project(repo)
    repo.write("a.txt", "mine, not committed\n")
    said = repo.run("run", code=5)
    assert "uncommitted changes are in the way: a.txt" in said.err
    assert repo.read("a.txt") == "mine, not committed\n"
    repo.git("stash", "-q")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert "Attempt: 1" in repo.git("log", "--grep=^Task: a", "--format=%B")
    repo.git("stash", "drop", "-q")


def test_a_commit_of_theirs_while_an_edit_is_taken_in_is_no_error(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.write("TODO.md", repo.read("TODO.md") + "\nMind the gap.\n")
    repo.once_before_git("update-ref", f"git -C {repo.root} commit -q --allow-empty -m theirs")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    subjects = repo.git("log", "--format=%s", "--reverse").split("\n")
    assert subjects[2:4] == ["theirs", "edit: TODO.md"]


def test_a_file_the_user_has_deleted_is_not_brought_back_by_a_landing(repo: Repo) -> None:
    slow_project(repo)
    (repo.root / "a.txt").unlink()
    said = repo.run("run", code=5)
    assert "uncommitted changes are in the way: a.txt" in said.err
    assert not (repo.root / "a.txt").exists()
    repo.git("restore", "a.txt")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert "Attempt: 1" in repo.git("log", "--grep=^Task: a", "--format=%B")


def test_a_document_deleted_while_its_landing_is_verified_comes_back(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.run("checkpoint", "-m", "a state file")
    repo.shell_agent(
        'echo new > "$1"', verify='rm -f "$(git rev-parse --path-format=absolute --git-common-dir)"/../*.md'
    )
    repo.commit("a verify that deletes what is not its own")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.git("status", "--porcelain") == " D README.md"


def test_an_untracked_file_in_the_way_is_never_overwritten(repo: Repo) -> None:
    repo.spec("a", "new.txt")
    repo.task("a: do a")
    repo.shell_agent('echo theirs > "$1"')
    repo.commit("a project")
    repo.write("new.txt", "mine\n")
    said = repo.run("run", code=5)
    assert "in the way: new.txt" in said.err
    assert repo.read("new.txt") == "mine\n"


def test_what_a_person_has_staged_stays_staged(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.write("README.md", "# Mine\n")
    repo.git("add", "README.md")
    repo.run("run")
    assert repo.git("status", "--porcelain") == "M  README.md"


def test_deleted_state_files_come_back(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.run("run")
    before = {name: repo.read(name) for name in ("TODO.md", "workflow-state.md")}
    for name in before:
        (repo.root / name).unlink()
    repo.run("run")
    assert {name: repo.read(name) for name in before} == before
    assert repo.git("status", "--porcelain") == ""


def test_a_staged_deletion_of_a_state_file_is_taken_back(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.git("rm", "-q", "TODO.md")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.git("status", "--porcelain") == ""


def test_an_uncommitted_file_that_already_holds_the_answer_is_not_in_the_way(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.shell_agent('echo new > "$1"')
    repo.commit("a plainer agent")
    repo.write("a.txt", "new\n")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]
    assert repo.git("status", "--porcelain") == ""


def test_a_branch_switched_under_the_run_stops_it(repo: Repo) -> None:
    slow_project(repo)

    def act() -> None:
        repo.git("switch", "-q", "-c", "elsewhere")

    err = while_running(repo, act, code=5)
    assert "main" in err
    assert "elsewhere" in err
    repo.git("switch", "-q", "main")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]


def test_for_an_edit_the_history_is_not_read_again_from_its_beginning(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.run("run")
    commit, known = recall(repo.root / ".git") or ("", NOTHING)
    remember(repo.root / ".git", commit, replace(known, workflow="as remembered"))
    repo.write("TODO.md", repo.read("TODO.md") + "\nA thought.\n")
    repo.run("run")
    assert "Workflow: as remembered" in repo.git("log", "--grep=^Edited: TODO.md", "--format=%B", "-1")


def test_an_edit_may_mend_what_a_person_committed_with_a_mistake_in_it(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    sound = repo.read("TODO.md")
    repo.write("TODO.md", sound + "- [ ] a: the same again\n")
    repo.commit("a mistake")
    assert "TODO.md:" in repo.run("run", code=None).err
    repo.write("TODO.md", sound)
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b"]


def test_the_progress_of_a_plan_that_is_over_makes_room_for_the_next_and_a_persons_lines_stay(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.run("run")
    state = repo.read("workflow-state.md")
    assert "- [x] a: do a" in state
    mine = ["- [ ] a: look at it once more", "- [x] c: nobody's task"]
    repo.write("workflow-state.md", state.replace("- [x] a: do a", "\n".join([*mine, "- [x] a: do a"])))
    repo.spec("next", "a.txt")
    repo.task("next: another plan")
    repo.commit("another plan")
    repo.run("run")
    progress = repo.read("workflow-state.md").partition("## Progress")[2].partition("\n## ")[0]
    assert [line for line in progress.split("\n") if line] == [*mine, "- [x] next: another plan"]


def test_a_persons_lines_of_the_state_file_stay_whatever_they_look_like(repo: Repo) -> None:
    """A blocking issue that begins with a word in backquotes, a decision that ends in one: neither is of a task."""
    names = [f"t{number:02}" for number in range(3)]
    repo.task(*(f"{name}: Do {name}" for name in names))
    for name in names:
        repo.spec(name, f"{name}.txt")
    said = "\n".join(f"- decided {number}" for number in range(20))
    repo.write("answer.md", f"## Result: done\n\n**Status**: Complete\n\n**Decisions**:\n{said}\n\n**Issues**: None\n")
    repo.shell_agent('cp answer.md "$ORCHESTRATOR_RESULT"; echo x > "$1"', more="[limits]\njobs = 1\n")
    repo.commit("a project")
    repo.run("checkpoint", "-m", "plan")
    key, api = "- `deploy-key`: Ann must create it before Friday", "- We keep the API as it is (see `docs/api.md`)"
    gone = "- `old`: dead letter (deterministic: no); `orchestrator dlq show old`"
    state = repo.read("workflow-state.md").replace(
        "## Blocking Issues\n\n(none)", f"## Blocking Issues\n\n{key}\n{gone}"
    )
    repo.write("workflow-state.md", f"{state.rstrip()}\n{api}\n")
    repo.run("run")
    after = repo.read("workflow-state.md").split("\n")
    assert key in after
    assert api in after
    assert gone not in after
    assert sum(line.endswith("`)") and line != api for line in after) == 40


def test_a_run_from_a_folder_below_takes_in_edits_of_every_document(repo: Repo) -> None:
    slow_project(repo, seconds=0)
    repo.run("run")
    edited = ["TODO.md", "checkpoints/mine.md", "specs/a.md", "specs/deep/note.md", "workflow-state.md"]
    for path in edited:
        old = repo.read(path) if (repo.root / path).exists() else ""
        repo.write(path, f"{old}\n<!-- a person's note -->\n")
    repo.write("src/deep/code.txt", "a person's code\n")
    run = [sys.executable, "-m", "orchestrator", "run"]
    subprocess.run(run, cwd=repo.root / "src" / "deep", env=repo.env, capture_output=True, check=True)
    assert repo.git("show", "--format=", "--name-only", "HEAD").split("\n") == edited
    assert repo.git("status", "--porcelain") == "?? src/"
