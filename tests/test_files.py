"""Whatever an agent leaves in its worktree lands as git itself would have stored it."""

import json
import os
import subprocess

import pytest
from harness import Repo


def land(repo: Repo, command: str, *files: str) -> None:
    repo.spec("a", *(files or ("src/",)))
    repo.task("a: do a")
    repo.shell_agent(command)
    repo.commit("a project")
    repo.run("run")
    assert repo.landed() == ["a"]
    assert repo.git("status", "--porcelain") == ""


def test_names_that_need_quoting(repo: Repo) -> None:
    repo.write("src/old", "x\n")
    land(
        repo,
        """mkdir -p 'src/a b'; echo 1 > 'src/a b/"q"\\x.txt'; echo 2 > src/é; echo 3 > "src/-option"; echo 4 > 'src/tr ' """,
    )
    names = repo.git("ls-tree", "-r", "-z", "--name-only", "HEAD", "src").split("\0")
    assert set(names) == {'src/a b/"q"\\x.txt', "src/é", "src/-option", "src/tr ", "src/old", ""}


def test_a_name_that_is_no_utf_8(repo: Repo) -> None:
    repo.write("src/old", "x\n")
    land(repo, "printf x > \"$(printf 'src/\\377')\"")
    listed = subprocess.run(["git", "ls-files", "-z", "src"], cwd=repo.root, capture_output=True, check=True).stdout
    assert b"src/\xff\0" in listed
    assert os.path.exists(os.fsencode(repo.root) + b"/src/\xff")  # noqa: PTH110 - a name no str holds without tricks


def test_a_file_becomes_a_folder_and_a_folder_a_file(repo: Repo) -> None:
    repo.write("src/file", "x\n")
    repo.write("src/folder/inner", "x\n")
    land(repo, "rm src/file; mkdir src/file; echo y > src/file/inner; rm -r src/folder; echo z > src/folder")
    assert repo.git("ls-files", "src").split() == ["src/file/inner", "src/folder"]
    assert repo.read("src/folder") == "z\n"


def test_line_endings_and_filters_are_gits_own(repo: Repo) -> None:
    repo.write(".gitattributes", "*.txt text eol=crlf\n*.up filter=upper\n")
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    repo.git("config", "filter.upper.smudge", "tr A-Z a-z")
    repo.write("src/a.txt", "old\r\n")
    repo.write("src/b.up", "old\n")
    land(repo, "printf 'one\\r\\ntwo\\r\\n' > src/a.txt; printf 'word\\n' > src/b.up")
    assert repo.git("cat-file", "blob", "HEAD:src/a.txt") == "one\ntwo"
    assert repo.git("cat-file", "blob", "HEAD:src/b.up") == "WORD"
    assert (repo.root / "src/a.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert repo.read("src/b.up") == "word\n"


def test_binary_empty_and_executable_files(repo: Repo) -> None:
    repo.write("src/old", "x\n")
    land(repo, "printf '\\000\\001\\377' > src/bin; : > src/empty; printf '#!/bin/sh\\n' > src/run; chmod 755 src/run")
    assert (repo.root / "src/bin").read_bytes() == b"\x00\x01\xff"
    assert (repo.root / "src/empty").read_bytes() == b""
    assert os.access(repo.root / "src/run", os.X_OK)


def test_a_change_that_keeps_size_and_time_is_still_seen(repo: Repo) -> None:
    repo.write("src/a", "old\n")
    land(repo, "touch -r src/a stamp; printf 'new\\n' > src/a; touch -r stamp src/a; rm stamp")
    assert repo.read("src/a") == "new\n"


def test_ignored_files_stay_behind(repo: Repo) -> None:
    repo.write(".gitignore", "build/\n*.log\n")
    repo.write("src/a", "old\n")
    land(repo, "mkdir build; echo x > build/out; echo x > src/a.log; echo new > src/a")
    assert repo.git("ls-files", "src", "build") == "src/a"


def test_the_agents_own_commits_are_kept_behind_its_ref(repo: Repo) -> None:
    repo.write("src/a", "old\n")
    land(repo, "echo half > src/a; git -c user.name=x -c user.email=x@y commit -qam 'half way'; echo new > src/a")
    assert repo.read("src/a") == "new\n"
    assert "half way" in repo.git("log", "--format=%s", "refs/orchestrator/attempts/a/1").split("\n")
    assert "half way" not in repo.git("log", "--format=%s").split("\n")


def test_nothing_to_change_is_a_landing_too(repo: Repo) -> None:
    repo.write("src/a", "old\n")
    land(repo, "true")
    assert "none, and none were needed" in repo.git("log", "-1", "--format=%B")


def test_a_worktree_made_read_only_is_cleared_away(repo: Repo) -> None:
    repo.write("src/a", "old\n")
    land(repo, "echo new > src/a; mkdir -p src/__pycache__/deep; echo x > src/__pycache__/deep/f; chmod -R a-w src")
    assert not list((repo.root / ".orchestrator/worktrees").glob("a-*"))


@pytest.fixture
def library(repo: Repo) -> str:
    """Another repository that projects bring in."""
    other = Repo(repo.root.parent / "library", repo.env).init()
    other.write("lib.txt", "1\n")
    other.commit("a library")
    return str(other.root)


@pytest.mark.parametrize(
    "setup", ["git clone -q {} vendor/lib", "git -c protocol.file.allow=always submodule update --init -q"]
)
def test_a_repository_that_setup_brings_is_held_against_no_attempt(repo: Repo, library: str, setup: str) -> None:
    repo.write(".gitignore", ".agent.toml\n.orchestrator/\nvendor/\n")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "sub")
    repo.git("config", "submodule.recurse", "true")
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent("for f; do echo agent > $f; done", more=f"[verify]\nsetup = {json.dumps(setup.format(library))}\n")
    repo.write("orchestrator.toml", repo.read("orchestrator.toml").replace('[verify]\ncommand = ""\n\n', ""))
    repo.commit("a project")
    repo.run("run")
    assert repo.landed() == ["a"]
    assert "| 2 |" not in repo.read("specs/a.result.md")


def test_a_line_of_a_file_with_carriage_returns_is_a_line(repo: Repo) -> None:
    """Committed as they are before `text=auto`, git leaves them: so does a landing, of two attempts at one file, too."""
    repo.write("src/old.txt", "".join(f"line {number}\r\n" for number in range(30)).encode())
    repo.commit("as it was")
    repo.write(".gitattributes", "* text=auto\n")
    for task in ("a", "b"):
        repo.spec(task, "src/ (shared)")
    repo.task("a: do a", "b: do b")
    change = {"a": "s/line 3\\r/three\\r/", "b": "s/line 27\\r/more\\r/"}
    script = "\n".join(
        f'if [ "$ORCHESTRATOR_TASK" = {task} ]; then sed -i "{edit}" src/old.txt; fi' for task, edit in change.items()
    )
    repo.shell_agent(script)
    repo.commit("a project")
    repo.run("run")
    assert repo.git("status", "--porcelain") == ""
    for task in ("a", "b"):
        commit = repo.git("log", "-1", "--format=%H", f"--grep=^Task: {task}").strip()
        assert repo.git("show", "--format=", "--numstat", commit, "--", "src/old.txt").split()[:2] == ["1", "1"]


def test_where_git_refuses_other_line_ends_what_it_takes_lands(repo: Repo) -> None:
    repo.git("config", "core.safecrlf", "true")
    repo.write("src/old.txt", b"one\r\ntwo\r\n")
    repo.commit("as it was")
    repo.write(".gitattributes", "* text=auto\n")
    land(repo, "printf 'three\\r\\n' >> src/old.txt")
    assert repo.git("show", "--format=", "--numstat", "HEAD", "--", "src/old.txt").split()[:2] == ["1", "0"]


def test_what_a_spec_asks_for_is_taken_from_a_folder_that_git_ignores(repo: Repo) -> None:
    repo.write(".gitignore", "gen/\n*.o\n")
    land(repo, "mkdir -p gen/deep src; echo 1 > gen/deep/out.txt; echo 2 > src/a.c; echo 3 > src/a.o", "gen/**", "src/")
    assert repo.git("ls-files", "gen", "src").split() == ["gen/deep/out.txt", "src/a.c"]


def test_what_git_ignores_by_another_rule_stays_behind_in_such_a_folder_too(repo: Repo) -> None:
    repo.write(".gitignore", "gen/\n.env\nnode_modules/\n")
    land(
        repo,
        "mkdir -p gen/node_modules/x; echo 1 > gen/a; echo SECRET > gen/.env; echo 2 > gen/node_modules/x/i.js",
        "gen/",
    )
    assert repo.git("ls-files", "gen").split() == ["gen/a"]


def test_a_repository_in_a_folder_that_git_ignores_is_held_against_nobody(repo: Repo) -> None:
    repo.write(".gitignore", "build/\n")
    land(repo, "git init -q build/_deps/lib; echo x > build/_deps/lib/x; mkdir -p src; echo 1 > src/a")
    assert repo.git("ls-files", "src", "build").split() == ["src/a"]


def test_a_rule_about_a_file_in_such_a_folder_holds_and_so_do_its_own(repo: Repo) -> None:
    repo.write(".gitignore", "/build/\n/build/local.json\n")
    agent = (
        "mkdir -p build/cache; echo 1 > build/app.js; echo SECRET > build/local.json; echo '*' > build/cache/.gitignore"
    )
    land(repo, f"{agent}; echo junk > build/cache/junk", "build/")
    assert repo.git("ls-files", "build").split() == ["build/app.js"]


@pytest.mark.parametrize("rule", ["out/*\n!out/keep\n", "out/**\n", "/out/*\n", "**/out/**\n"])
def test_a_rule_about_all_that_is_in_such_a_folder_is_about_the_folder(repo: Repo, rule: str) -> None:
    repo.write(".gitignore", f".env\n{rule}")
    land(
        repo,
        "mkdir -p out/d; echo 1 > out/a; echo 2 > out/d/b; echo SECRET > out/.env; echo SECRET > out/d/.env",
        "out/",
    )
    assert "out/a" in repo.git("ls-files", "out").split()
    assert ".env" not in repo.git("ls-files", "out")


BOTH = {".env", "sub/.env"}


@pytest.mark.parametrize(
    ("rules", "folder", "secrets"),
    [
        ({"pkg/.gitignore": ".env\nout/*\n!out/keep\n"}, "pkg/out", BOTH),
        ({".gitignore": "out/.env\nout/*\n"}, "out", {".env"}),
        ({".gitignore": "out/*\n", "out/sub/.gitignore": ".env\n"}, "out", {"sub/.env"}),
        ({".gitignore": "out/*\n", "out/.gitignore": ".env\n"}, "out", BOTH),
        ({".gitignore": "*.env\nout/*\n", "lib": "->out"}, "out", BOTH),
        ({"out/.gitignore": "*\n!.gitignore\n.env\n"}, "out", BOTH),
        ({".gitignore": "out/**/*\n.env\n"}, "out", BOTH),
        ({".gitignore": "/build/\nout/*\n.env\n"}, "out", BOTH),
    ],
)
def test_wherever_another_rule_stands_what_it_is_about_stays_behind(
    repo: Repo, rules: dict[str, str], folder: str, secrets: set[str]
) -> None:
    for path, text in rules.items():
        if text.startswith("->"):
            (repo.root / path).symlink_to(text[2:])
        else:
            repo.write(path, text)
    repo.git("add", "-A", "-f")
    made = f"mkdir -p {folder}/sub {folder}/build {folder}/lib; echo 1 | tee {folder}/a {folder}/build/a {folder}/lib/a"
    land(repo, f"{made}; echo SECRET | tee {folder}/sub/.env; cp {folder}/sub/.env {folder}/.env", f"{folder}/")
    names = {name.removeprefix(f"{folder}/") for name in repo.git("ls-files", folder).split()}
    assert {"a", "build/a", "lib/a"} <= names
    assert not secrets & names


@pytest.mark.parametrize("place", ["lib", "lib/sub"])
def test_a_repository_where_a_spec_asks_for_files_is_refused_not_half_taken(repo: Repo, place: str) -> None:
    repo.write(".gitignore", "/lib/\n")
    repo.spec("a", "lib/")
    repo.task("a: do a")
    repo.shell_agent(f"git init -q {place}; echo work > {place}/work.py", more="[limits]\nattempts = 1\n")
    repo.commit("a project")
    repo.run("run", code=1)
    assert f"{place}/.git: a nested repository" in repo.read("specs/a.result.md")
