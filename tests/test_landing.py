"""Landing: together when green together, by halves when red, merged or sent back when the branch moved on."""

import json
import shutil
import time

import pytest
from harness import Repo


def two_tasks(repo: Repo, script: str, verify: str, *, files: tuple[str, str] = ("a.txt", "b.txt")) -> None:
    for name in files:
        if not (repo.root / name).exists():
            repo.write(name, "0\n")
    repo.spec("a", f"{files[0]} (shared)" if files[0] == files[1] else files[0])
    repo.spec("b", f"{files[1]} (shared)" if files[0] == files[1] else files[1])
    repo.task("a: do a", "b: do b")
    repo.config(script, verify=verify)
    repo.commit("a project")


# Both start from the same base, and both are done while verify is still busy with z.
RED_TOGETHER = """
[[attempt]]
task = "z"
write = {"z.txt" = "z"}
[[attempt]]
task = "a"
attempt = 1
sleep = 0.5
write = {"a.txt" = "1\\n"}
[[attempt]]
task = "b"
attempt = 1
sleep = 0.5
write = {"b.txt" = "1\\n"}
[[attempt]]
task = "b"
write = {"b.txt" = "2\\n"}
"""


def test_a_red_combination_lands_the_first_and_sends_the_second_back_with_the_output(repo: Repo) -> None:
    seen = repo.root.parent / "seen"
    wait = f"if [ -e z.txt ] && [ ! -e {seen} ]; then touch {seen}; sleep 3; fi"
    two_tasks(
        repo, RED_TOGETHER, f"{wait}; if [ $(cat a.txt b.txt | tr -d '\\n') = 11 ]; then echo BOTH ARE ONE; exit 1; fi"
    )
    repo.spec("z", "z.txt")
    repo.task("z: do z", "a: do a", "b: do b")
    said = repo.run("run")
    assert repo.landed() == ["z", "a", "b"]
    assert "red together: a, b" in said.err
    assert repo.read("b.txt") == "2\n"
    assert "Attempt: 2" in repo.git("log", "-1", "--format=%B")
    rejected = repo.git("log", "-1", "--format=%B", "refs/orchestrator/attempts/b/1")
    assert "BOTH ARE ONE" in rejected
    assert "Fate: rejected" in rejected
    spec = (repo.root / ".orchestrator/attempts/b/2/spec.md").read_text()
    assert "BOTH ARE ONE" in spec
    for commit in repo.git("rev-list", "--first-parent", "HEAD").split():
        names = repo.git("ls-tree", "--name-only", commit).split()
        if "a.txt" in names:
            both = (repo.git("show", f"{commit}:a.txt"), repo.git("show", f"{commit}:b.txt"))
            assert both != ("1", "1"), "the branch was red"


def test_green_attempts_that_wait_together_are_verified_once(repo: Repo) -> None:
    log = repo.root.parent / "verified"
    script = "".join(f'[[attempt]]\ntask = "t{n}"\nsleep = 0.2\nwrite = {{"t{n}.txt" = "1"}}\n' for n in range(6))
    for n in range(6):
        repo.spec(f"t{n}", f"t{n}.txt")
    repo.task(*(f"t{n}: do {n}" for n in range(6)))
    repo.config(script, verify=f"echo x >> {log}; sleep 0.5", more="[limits]\njobs = 6\n")
    repo.commit("a project")
    repo.run("run")
    assert sorted(repo.landed()) == [f"t{n}" for n in range(6)]
    assert len(log.read_text().split()) < 6
    assert repo.git("log", "--merges", "--oneline") == ""


def test_changes_to_different_lines_of_a_shared_file_are_merged(repo: Repo) -> None:
    lines = [f"line {n}\n" for n in range(20)]
    repo.write("shared.txt", "".join(lines))
    first, last = ["A\n", *lines[1:]], [*lines[:-1], "B\n"]
    script = (
        f'[[attempt]]\ntask = "a"\nsleep = 0.3\nwrite = {{"shared.txt" = {json.dumps("".join(first))}}}\n'
        f'[[attempt]]\ntask = "b"\nsleep = 0.3\nwrite = {{"shared.txt" = {json.dumps("".join(last))}}}\n'
    )
    two_tasks(repo, script, "", files=("shared.txt", "shared.txt"))
    repo.run("run")
    assert repo.read("shared.txt") == "".join(["A\n", *lines[1:-1], "B\n"])
    assert "| 2 |" not in repo.read("specs/b.result.md")


def test_the_same_lines_of_a_shared_file_are_a_fresh_attempt_on_the_new_base(repo: Repo) -> None:
    repo.write("shared.txt", "0\n")
    script = """
[[attempt]]
task = "a"
sleep = 0.3
write = {"shared.txt" = "a\\n"}
[[attempt]]
task = "b"
attempt = 1
sleep = 2
write = {"shared.txt" = "b\\n"}
[[attempt]]
task = "b"
append = {"shared.txt" = "b\\n"}
"""
    two_tasks(repo, script, "", files=("shared.txt", "shared.txt"))
    repo.run("run")
    assert repo.read("shared.txt") == "a\nb\n"
    assert "| 1 | rejected | conflict |" in repo.read("specs/b.result.md")


def test_both_ends_of_a_file_whose_attribute_says_union_are_kept(repo: Repo) -> None:
    repo.write("notes.txt", "0\n")
    repo.write(".gitattributes", "notes.txt merge=union\n")
    script = "".join(f'[[attempt]]\ntask = "{t}"\nsleep = 0.3\nappend = {{"notes.txt" = "{t}\\n"}}\n' for t in "ab")
    two_tasks(repo, script, "", files=("notes.txt", "notes.txt"))
    repo.run("run")
    assert sorted(repo.read("notes.txt").split()) == ["0", "a", "b"]
    assert "| 2 |" not in repo.read("specs/b.result.md")


@pytest.mark.parametrize("attribute", ["-merge", "binary", "merge=binary", "merge=theirs"])
def test_lines_of_a_file_that_is_not_to_be_merged_by_lines_are_left_alone(repo: Repo, attribute: str) -> None:
    """The lines would merge, as those of a lock file do; its attempt is made again on what landed first."""
    lines = [f"line {n}\n" for n in range(20)]
    repo.write("shared.lock", "".join(lines))
    repo.write(".gitattributes", f"shared.lock {attribute}\n")
    repo.git("config", "merge.theirs.driver", "cp %B %A")
    first, last = "".join(["A\n", *lines[1:]]), "".join([*lines[:-1], "B\n"])
    script = (
        f'[[attempt]]\ntask = "a"\nsleep = 0.3\nwrite = {{"shared.lock" = {json.dumps(first)}}}\n'
        f'[[attempt]]\ntask = "b"\nattempt = 1\nsleep = 2\nwrite = {{"shared.lock" = {json.dumps(last)}}}\n'
        '[[attempt]]\ntask = "b"\nappend = {"shared.lock" = "B\\n"}\n'
    )
    two_tasks(repo, script, "", files=("shared.lock", "shared.lock"))
    repo.run("run")
    assert repo.read("shared.lock") == f"{first}B\n"
    assert "| 1 | rejected | conflict |" in repo.read("specs/b.result.md")


def test_a_conflict_that_stays_asks_a_person(repo: Repo) -> None:
    """The agent always answers with the line it saw first, so it never fits the branch that moved under it."""
    repo.write("shared.txt", "0\n")
    script = '[[attempt]]\ntask = "a"\nsleep = 0.3\nwrite = {"shared.txt" = "a\\n"}\n[[attempt]]\ntask = "b"\nsleep = 2\nwrite = {"shared.txt" = "b\\n"}\n'
    two_tasks(repo, script, "", files=("shared.txt", "shared.txt"))
    with (repo.root / "orchestrator.toml").open("a") as file:
        file.write("[limits]\nattempts = 1\n")
    repo.commit("one attempt")
    repo.run("run", code=3)
    assert repo.landed() == ["a"]
    assert "conflict" in repo.read("specs/b.result.md")


def test_specs_that_overlap_never_run_at_once(repo: Repo) -> None:
    marks = repo.root.parent / "marks"
    marks.mkdir()
    repo.write("src/a.txt", "0\n")
    for name, files in (("a", "src/"), ("b", "src/a.txt"), ("c", "src/**/a.*")):
        repo.spec(name, files)
    repo.task("a: do a", "b: do b", "c: do c")
    repo.shell_agent(
        f'test -z "$(ls {marks})" || echo TWO AT ONCE >> {repo.root.parent}/clash; touch {marks}/$ORCHESTRATOR_TASK;'
        f" sleep 0.2; echo $ORCHESTRATOR_TASK >> src/a.txt; rm {marks}/$ORCHESTRATOR_TASK"
    )
    repo.commit("a project")
    repo.run("run")
    assert repo.read("src/a.txt") == "0\na\nb\nc\n"
    assert not (repo.root.parent / "clash").exists()


def test_a_failed_task_blocks_its_dependents_and_nothing_else(repo: Repo) -> None:
    for name in "abcd":
        repo.spec(name, f"{name}.txt")
    repo.task("a: do a", "b: do b (after: a)", "c: do c", "d: do d (after: b)")
    repo.shell_agent('[ $ORCHESTRATOR_TASK != a ] || { echo out of luck >&2; exit 1; }; echo x > "$1"')
    repo.commit("a project")
    repo.run("run", code=1)
    assert repo.landed() == ["c"]
    letter = repo.read("specs/a.result.md")
    assert "out of luck" in letter
    assert "\ndead letter: a: deterministic" in repo.git("log", "--format=%n%s")
    assert "`a`: dead letter" in repo.read("workflow-state.md")


def test_transient_failures_are_waited_out_and_spend_nothing(repo: Repo) -> None:
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    tries = repo.root.parent / "tries"
    repo.shell_agent(
        f'echo x >> {tries}; [ $(wc -l < {tries}) -gt 3 ] || exit 75; echo x > "$1"',
        more="[limits]\nattempts = 1\nbackoff = 0.05\n",
    )
    repo.commit("a project")
    start = time.monotonic()
    repo.run("run")
    assert repo.landed() == ["a"]
    assert len(tries.read_text().split()) == 4
    assert time.monotonic() - start > 0.15


def test_an_agent_that_never_gets_through_is_a_dead_letter_too(repo: Repo) -> None:
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent("exit 75", more="[limits]\nretries = 2\nbackoff = 0.01\n")
    repo.commit("a project")
    repo.run("run", code=1)
    assert "3 transient failures in a row" in repo.git("log", "-1", "--format=%s")


def test_a_timeout_ends_the_attempt_and_keeps_its_work(repo: Repo) -> None:
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent("echo half > a.txt; sleep 60", more="[limits]\nattempts = 1\ntimeout = 0.5\n")
    repo.commit("a project")
    repo.run("run", code=1)
    assert repo.git("show", "refs/orchestrator/attempts/a/1:a.txt") == "half"
    assert "| 1 | failed | timeout |" in repo.read("specs/a.result.md")


def test_free_slots_do_not_wait_for_verify(repo: Repo) -> None:
    """a's candidate is green only once d, which waits for a slot of b's or c's, has started beside the verify."""
    folder = repo.root.parent / "flags"
    folder.mkdir()
    for name in "abcd":
        repo.spec(name, f"{name}.txt")
    repo.task("a: do a", "b: do b", "c: do c", "d: do d")
    verifying, d = (f"for i in $(seq 100); do [ -e {folder}/{name} ] && break; sleep 0.1; done" for name in "vd")
    repo.shell_agent(
        f'touch {folder}/$ORCHESTRATOR_TASK; case $ORCHESTRATOR_TASK in b|c) {verifying};; esac; echo x > "$1"',
        verify=f"[ ! -e a.txt ] || {{ touch {folder}/v; {d}; [ -e {folder}/d ]; }}",
        more="[limits]\njobs = 2\n",
    )
    repo.commit("a project")
    repo.run("run")
    assert sorted(repo.landed()) == ["a", "b", "c", "d"]
    assert "| 2 |" not in repo.read("specs/a.result.md")


def test_a_landing_whose_reflog_could_not_be_written_is_not_undone_as_an_agents_move(repo: Repo) -> None:
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.task("a: do a", "b: do b (after: a)")
    repo.shell_agent('echo new > "$1"', verify="true")
    repo.commit("a project")
    cut = "sed '$d' .git/logs/HEAD > .git/cut; mv .git/cut .git/logs/HEAD; echo \"fatal: unable to append to '.git/logs/HEAD': Input/output error\" >&2"
    repo.once_before_git("orchestrator: land a", f'{shutil.which("git")} "$@"; {cut}; exit 128')
    repo.run("run")
    assert (repo.root.parent / f"{repo.root.name}-git" / "done").exists()
    assert repo.landed() == ["a", "b"]
    assert repo.git("for-each-ref", "refs/orchestrator/lost", "refs/orchestrator/attempts/b/2") == ""
    assert [line.split(" ")[1] for line in repo.read(".git/logs/HEAD").splitlines()][-1] == repo.git(
        "rev-parse", "HEAD"
    )


@pytest.mark.parametrize("size", [70, 82, 87, 150])
def test_landings_behind_half_of_a_reflogs_line_are_not_undone_as_an_agents_moves(repo: Repo, size: int) -> None:
    repo.spec("a", "a.txt")
    repo.spec("b", "b.txt")
    repo.task("a: do a", "b: do b (after: a)")
    repo.shell_agent('echo new > "$1"', verify="true")
    repo.commit("a project")
    repo.run("checkpoint", "-m", "the plan")
    log = repo.root / ".git/logs/HEAD"
    *before, last = log.read_text().splitlines(keepends=True)
    log.write_text("".join(before) + last[:size])
    repo.run("run")
    assert repo.landed() == ["a", "b"]
    assert repo.git("for-each-ref", "refs/orchestrator/lost") == ""
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("log", "--format=%s", "-1") == "b: do b"


def test_a_lock_that_git_could_not_take_away_from_our_own_index_stops_nothing(repo: Repo) -> None:
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent('echo new > "$1"', verify="true")
    repo.commit("a project")
    left = 'touch "$GIT_INDEX_FILE.lock"; echo "fatal: Unable to unlink: Input/output error" >&2; exit 128'
    repo.once_before_git("read-tree -n", left)
    repo.run("run")
    assert (repo.root.parent / f"{repo.root.name}-git" / "done").exists()
    assert repo.landed() == ["a"]


def test_of_many_that_changed_a_file_in_other_places_each_lands(repo: Repo) -> None:
    tasks = ("a", "b", "c", "d")
    repo.write("shared.txt", "".join(f"line {n}\n" for n in range(60)))
    for task in tasks:
        repo.spec(task, "shared.txt (shared)")
    repo.task(*(f"{task}: do {task}" for task in tasks))
    place = "case $ORCHESTRATOR_TASK in a) k=5;; b) k=20;; c) k=35;; d) k=50;; esac; sleep 0.3"
    repo.shell_agent(
        f'{place}; awk -v k=$k \'$2 == k {{ $0 = "by " ENVIRON["ORCHESTRATOR_TASK"] }} 1\' shared.txt > new; mv new shared.txt',
        verify="sleep 0.6",
        more="[limits]\njobs = 4\n",
    )
    repo.commit("a project")
    repo.run("run")
    assert [line for line in repo.read("shared.txt").split("\n") if line.startswith("by")] == [
        "by a",
        "by b",
        "by c",
        "by d",
    ]
    assert repo.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/orchestrator/attempts").split("\n") == [
        f"{task}/1" for task in tasks
    ]


SHARED = """
[[attempt]]
task = "z"
write = {"z.txt" = "z"}
[[attempt]]
task = "a"
sleep = 0.3
write = {"FIRST" = "1\\n"}
[[attempt]]
task = "b"
sleep = 0.3
write = {"SECOND" = "2\\n"}
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [("src/foo/bar.py", "src/foo"), ("src/foo", "src/foo/bar.py"), ("src/Readme.md", "src/README.md")],
)
def test_of_a_batch_none_takes_anothers_place(repo: Repo, first: str, second: str) -> None:
    for task in ("a", "b"):
        repo.spec(task, "src/ (shared)")
    repo.spec("z", "z.txt")
    repo.task("z: do z", "a: do a", "b: do b")
    more = "[limits]\nattempts = 1\n"
    repo.config(SHARED.replace("FIRST", first).replace("SECOND", second), verify="sleep 1", more=more)
    repo.commit("a project")
    repo.run("run", code=None)
    landed = [task for task in repo.landed() if task != "z"]
    assert len(landed) == 1
    assert repo.git("ls-files", "src") == {"a": first, "b": second}[landed[0]]
    assert len(list((repo.root / "specs").glob("[ab].result.md"))) == 2
