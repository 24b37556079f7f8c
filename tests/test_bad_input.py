"""Bad input, each with its own sentence, exit code and way out; and nothing is lost by it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Repo


def project(repo: Repo, *, more: str = "") -> Repo:
    repo.write("a.txt", "old\n")
    repo.spec("a", "a.txt")
    repo.task("a: do a")
    repo.shell_agent('echo new > "$1"', more=more)
    repo.commit("a project")
    return repo


def refused(repo: Repo, code: int, *words: str) -> str:
    said = repo.run("run", code=code)
    assert "Traceback" not in said.err
    assert said.err.splitlines()[-1].startswith("hint: ")
    for word in words:
        assert word in said.err
    return said.err


def test_not_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    refused(Repo(folder), 5, "is not inside a git repository", "git init")


def test_no_commits_yet(tmp_path: Path) -> None:
    refused(Repo(tmp_path / "empty").init(), 5, "main has no commits yet", "git commit --allow-empty")


def test_no_plan(repo: Repo) -> None:
    refused(repo, 5, "no TODO.md", "orchestrator init")


IGNORED = {
    "the plan": ("*.md\n", ["TODO.md", "specs/a.md"]),
    "the specs": ("specs/\n!specs/b.md\n", ["specs/a.md"]),
}


@pytest.mark.parametrize("name", IGNORED)
def test_documents_that_git_ignores(repo: Repo, name: str) -> None:
    rules, paths = IGNORED[name]
    repo.write(".gitignore", f"# ours\n{rules}")
    project(repo)
    words = f"{paths[0]}:1: {paths[0]} is there, but git ignores it: `{rules.split()[0]}` in .gitignore:2"
    refused(repo, 5, words, f"hint: git add -f {paths[0]}, or take that rule out of .gitignore")
    assert words in repo.run("run", "--dry-run", code=5).err
    assert words in repo.run("task", "done", "a", code=5).err
    said = repo.run("status")
    assert words[:60] in said.out
    assert said.err == "next: orchestrator doctor   # it says which line to mend\n"
    assert f"error: {paths[0]}: git ignores it: `{rules.split()[0]}` in .gitignore:2" in repo.run("doctor", code=1).out
    for path in paths:
        repo.git("add", "-f", path)
    repo.run("run")
    assert repo.landed() == ["a"]
    assert "git ignores" not in repo.run("doctor").out


@pytest.mark.parametrize(("verb", "committed"), [("run", True), ("status", True), ("run", False), ("status", False)])
def test_a_plan_that_is_a_folder(repo: Repo, verb: str, *, committed: bool) -> None:
    if committed:
        project(repo)
        (repo.root / "TODO.md").unlink()
    (repo.root / "TODO.md").mkdir()
    (repo.root / "TODO.md/notes.md").write_text("notes\n")
    repo.env["PYTHONWARNINGS"] = "always"  # of a descriptor that nobody closed, Python says so
    said = repo.run(verb, code=0 if (verb, committed) == ("status", True) else 5)
    assert "TODO.md:1: not a regular file" in said.out + said.err
    assert "ResourceWarning" not in said.err


def test_detached_head(repo: Repo) -> None:
    project(repo)
    repo.git("switch", "-q", "--detach")
    refused(repo, 5, "HEAD is detached", "git switch")


@pytest.mark.parametrize("how", ["--merge", "--apply"])
def test_in_the_middle_of_a_rebase(repo: Repo, how: str) -> None:
    project(repo)
    repo.write("a.txt", "theirs\n")
    repo.commit("theirs")
    repo.git("switch", "-q", "-c", "side", "HEAD^")
    repo.write("a.txt", "ours\n")
    repo.commit("ours")
    subprocess.run(["git", "rebase", "-q", how, "main"], cwd=repo.root, env=repo.env, check=False, capture_output=True)
    refused(
        repo, 5, "a rebase is not finished: there is no branch", "hint: git rebase --continue   # or: git rebase --ab"
    )
    repo.git("rebase", "--abort")
    repo.run("run")


@pytest.mark.parametrize("what", ["symlink", "file"])
def test_a_folder_of_ours_that_is_none(repo: Repo, tmp_path: Path, what: str) -> None:
    project(repo)
    (tmp_path / "elsewhere").mkdir()
    ours = repo.root / ".orchestrator"
    ours.symlink_to(tmp_path / "elsewhere") if what == "symlink" else ours.write_text("")
    repo.write(".git/info/exclude", ".orchestrator\n")
    refused(repo, 5, f".orchestrator is a {what}, and must be a folder", "hint: move it away: mv .orchestrator ")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    ours.rename(tmp_path / "old")
    repo.run("run")
    assert repo.landed() == ["a"]


def test_in_the_middle_of_a_bisect(repo: Repo) -> None:
    project(repo)
    repo.git("bisect", "start", "HEAD", "HEAD^")
    repo.git("checkout", "-q", "--detach")
    refused(repo, 5, "a bisect is not finished: there is no branch", "hint: git bisect reset")


def test_a_bare_repository(repo: Repo, tmp_path: Path) -> None:
    project(repo).git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    refused(Repo(tmp_path / "bare.git"), 5, "bare repository", "git clone")


def test_a_shallow_clone(repo: Repo, tmp_path: Path) -> None:
    project(repo).git("clone", "-q", "--depth=1", f"file://{repo.root}", str(tmp_path / "shallow"))
    refused(Repo(tmp_path / "shallow"), 5, "shallow clone", "git fetch --unshallow")


def test_files_apart_from_their_git_directory(repo: Repo, tmp_path: Path) -> None:
    project(repo)
    (tmp_path / "home").mkdir()
    repo.git("config", "core.worktree", str(tmp_path / "home"))
    refused(repo, 5, f"{repo.root}/.git keeps its files in {tmp_path}/home", "core.worktree", f"git clone {repo.root}")


def test_a_git_directory_elsewhere_that_the_files_lead_to(repo: Repo, tmp_path: Path) -> None:
    project(repo)
    repo.git("init", "-q", "--separate-git-dir", str(tmp_path / "apart.git"))
    repo.run("status")
    project(repo).git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repo.root), "sub")
    Repo(repo.root / "sub", repo.env).run("status")


def test_a_path_with_a_line_break(tmp_path: Path) -> None:
    refused(
        project(Repo(tmp_path / "two\nlines").init()), 5, "has a line break in it", "two lines", "rename that folder"
    )


def test_a_linked_worktree(repo: Repo, tmp_path: Path) -> None:
    project(repo).git("worktree", "add", "-q", str(tmp_path / "linked"))
    refused(Repo(tmp_path / "linked"), 5, "is a linked worktree", f"cd {repo.root}")


def test_a_path_with_spaces_and_other_letters(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "Übung mit Leerzeichen 'n $HOME").init()
    repo.write("größe ändern.txt", "old\n")
    repo.spec("a", "`größe ändern.txt`")
    repo.task("a: größe ändern → neu")
    repo.shell_agent('echo new > "$1"', verify="test -f 'größe ändern.txt'")
    repo.commit("a project")
    repo.run("run")
    assert repo.read("größe ändern.txt") == "new\n"
    assert repo.git("status", "--porcelain") == ""


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    repo = project(Repo(tmp_path / os.fsdecode(b"caf\xe9")).init())
    for argv in ("run",), ("status",), ("brief",), ("doctor",), ("log",), ("checkpoint", "-m", "by hand"):
        repo.run(*argv)
    assert repo.landed() == ["a"]
    assert "Workflow: caf?" in repo.git("log", "-1", "--format=%B")


def latin_1(folder: Path) -> dict[str, str]:
    """A locale in which a byte is a letter; where none can be made, one that knows ASCII alone."""
    made = folder / "en_US.ISO-8859-1"
    if shutil.which("localedef"):
        subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", made], check=False, capture_output=True)
    return {"LOCPATH": str(folder), "LC_ALL": made.name} if made.exists() else ASCII


ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"}


@pytest.mark.parametrize(
    "program", [(sys.executable, "-m", "orchestrator"), ("orchestrator",)], ids=["module", "script"]
)
@pytest.mark.parametrize("locale", ["latin-1", "ascii"])
def test_a_locale_in_which_names_would_be_read_otherwise(
    repo: Repo, tmp_path: Path, locale: str, program: tuple[str, ...]
) -> None:
    repo.env |= ASCII if locale == "ascii" else latin_1(tmp_path)
    repo.spec("a", "gr\u00fc\u00dfe.txt", goal="Say gr\u00fc\u00dfe.")
    repo.task("a: gr\u00fc\u00dfe")
    repo.shell_agent('echo new > "$1"')
    repo.commit("a project")
    for verb in ("run", "brief", "status"):
        done = subprocess.run([*program, verb], cwd=repo.root, env=repo.env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "gr\u00fc\u00dfe" in (done.stdout + done.stderr).decode() or verb != "brief"
    assert (repo.root / "gr\u00fc\u00dfe.txt").read_text() == "new\n"
    assert "gr\u00fc\u00dfe.txt" in repo.git("-c", "core.quotePath=false", "ls-tree", "--name-only", "HEAD").split("\n")


def test_from_a_folder_below(repo: Repo) -> None:
    project(repo)
    (repo.root / "below").mkdir()
    Repo(repo.root / "below", env=repo.env).run("run")
    assert repo.landed() == ["a"]


def test_git_too_old(repo: Repo, tmp_path: Path) -> None:
    project(repo)
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    said = repo.run("run", code=4, env={"PATH": f"{old.parent}{os.pathsep}{repo.env['PATH']}"})
    assert "git version 2.30.2 is too old" in said.err


def test_no_git(repo: Repo, tmp_path: Path) -> None:
    said = project(repo).run("run", code=4, env={"PATH": str(tmp_path)})
    assert "git is not installed" in said.err


def test_an_unknown_agent(repo: Repo) -> None:
    project(repo)
    repo.spec("a", "a.txt", more="\n**Agent**: claud\n")
    err = refused(repo, 5, "there is no agent 'claud'", "known agents: sh")
    assert "specs/a.md" in err


def test_no_agent(repo: Repo) -> None:
    project(repo)
    repo.write("orchestrator.toml", "")
    refused(repo, 5, "no agent is configured", "orchestrator.toml")


def test_an_agent_whose_command_does_not_exist_is_found_before_anything_starts(repo: Repo) -> None:
    project(repo)
    repo.write("orchestrator.toml", '[agents.x]\ncommand = ["no-such-command-here", "{files}"]\n')
    refused(repo, 4, "no-such-command-here", "agents.x")
    assert not (repo.root / ".orchestrator/attempts").exists()


def test_a_verify_command_that_fails_on_the_untouched_base_is_said_before_anything_is_spent(repo: Repo) -> None:
    project(repo)
    repo.shell_agent('echo new > "$1"', verify="echo the tests are red; exit 1")
    refused(repo, 5, "verify is red before any work", "the tests are red")
    assert not (repo.root / ".orchestrator/attempts").exists()


def test_a_second_leader(repo: Repo) -> None:
    project(repo)
    repo.shell_agent('sleep 3; echo new > "$1"')
    first = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "run"],
        cwd=repo.root,
        env=repo.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (repo.root / ".orchestrator/attempts/a/1/order.json").exists():
        assert first.poll() is None
    refused(repo, 5, f"another leader is at work here: process {first.pid}", "orchestrator status")
    assert first.wait(timeout=30) == 0
    assert repo.landed() == ["a"]


BAD_CONFIG = {
    "no TOML": ("[limits\n", "orchestrator.toml:1", "not valid TOML"),
    "unknown key": ("[limits]\njobz = 4\n", "orchestrator.toml:2", "did you mean limits.jobs"),
    "unknown agent key": (
        '[agents.x]\ncommand = ["true"]\ntimout = 3\n',
        "orchestrator.toml:3",
        "did you mean agents.x.timeout",
    ),
    "wrong type": ('[limits]\njobs = "many"\n', "orchestrator.toml:2", "it takes a whole number from 1 to 256"),
    "out of range": ("[limits]\njobs = 0\n", "orchestrator.toml:2", "it takes a whole number from 1"),
    "unknown kind": ('[agents.x]\nkind = "magic"\ncommand = ["x"]\n', "orchestrator.toml:2", "command, scripted"),
    "no command": ("[agents.x]\ntimeout = 3\n", "orchestrator.toml:1", "has no command"),
    "bad policy": ('[checkpoint]\nevery = "often"\n', "orchestrator.toml:2", "task | phase"),
}


@pytest.mark.parametrize("name", BAD_CONFIG)
def test_a_wrong_configuration_names_the_line_and_the_fix(repo: Repo, name: str) -> None:
    text, *words = BAD_CONFIG[name]
    project(repo).write("orchestrator.toml", text)
    refused(repo, 5, *words)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting a file system needs root on Linux")
def test_a_full_disk_names_the_cause_loses_nothing_and_resumes(repo: Repo, tmp_path: Path) -> None:
    small = mounted(tmp_path, "size=6m")
    try:
        there = Repo(small / "repo", env=repo.env)
        shutil.copytree(project(repo).root, there.root, symlinks=True)
        there.shell_agent('sleep 0.5; echo new > "$1"')
        there.commit("slower")
        filler = there.root / "filler"
        there.write(".gitignore", "filler\n")
        there.commit("a filler")
        fill(filler)
        said = there.run("run", code=None)
        assert said.code in {1, 5}, said
        assert "Traceback" not in said.err
        assert "No space left on device" in said.err
        filler.unlink()
        there.run("run")
        assert there.landed() == ["a"]
        there.git("fsck", "--strict")
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                return


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting a file system needs root on Linux")
def test_a_read_only_repository(repo: Repo, tmp_path: Path) -> None:
    small = mounted(tmp_path, "size=20m")
    try:
        there = Repo(small / "repo", env=repo.env)
        shutil.copytree(project(repo).root, there.root, symlinks=True)
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        refused(there, 5, "cannot write to the repository: Read-only file system", "read-only")
        there.run("status")
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def mounted(tmp_path: Path, options: str) -> Path:
    target = tmp_path / "mount"
    target.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", target], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this system does not let root mount a tmpfs")
    return target
