"""The built-in agent's tools: what they do, and that no path leads out of the worktree."""

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator import sandbox
from orchestrator.agents.builtin import files, search
from orchestrator.agents.builtin.folder import LARGEST, Folder, RefusedError
from orchestrator.agents.builtin.shell import Confinement, Shell

NEVER = threading.Event()
SECRET = "the canary sings"  # noqa: S105
ESCAPES = int(os.environ.get("ESCAPES", "600"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return made(tmp_path)


def made(top: Path) -> Folder:
    (top / "worktree").mkdir()
    (top / "spool").mkdir()
    return Folder(top / "worktree", top / "spool")


def put(folder: Folder, path: str, data: bytes | str) -> None:
    target = folder.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data.encode() if isinstance(data, str) else data)


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        action()
    return str(caught.value)


def test_read_numbers_lines_and_says_how_to_go_on(folder: Folder) -> None:
    put(folder, "a.txt", "".join(f"line {n}\n" for n in range(1, 6)))
    assert files.read(folder, "a.txt") == "\n".join(f"     {n}\tline {n}" for n in range(1, 6))
    assert files.read(folder, "a.txt", 2, 2) == (
        "     2\tline 2\n     3\tline 3\n(lines 2 to 3 of 5; go on with start 4)"
    )
    put(folder, "wide.txt", "x" * 29_000 + "\n" + "y" * 29_000 + "\n")
    assert files.read(folder, "wide.txt").endswith("x\n(lines 1 to 1 of 2; go on with start 2)")


def test_read_refuses_what_is_no_text(folder: Folder) -> None:
    put(folder, "image", b"\x89PNG\xff")
    put(folder, "nul", b"a\0b")
    put(folder, "big", b"x" * (LARGEST + 1))
    put(folder, "empty", b"")
    (folder.root / "sub").mkdir()
    os.mkfifo(folder.root / "pipe")
    assert refused(lambda: files.read(folder, "image")) == "image: not UTF-8 text (5 bytes)"
    assert refused(lambda: files.read(folder, "nul")) == "nul: a binary file (3 bytes)"
    assert refused(lambda: files.read(folder, "big")).startswith("big: larger than 1,048,576 bytes")
    assert refused(lambda: files.read(folder, "sub")).startswith("sub: a folder")
    assert refused(lambda: files.read(folder, "pipe")) == "pipe: neither a file nor a folder"
    assert refused(lambda: files.read(folder, "gone")) == "gone: there is no such file"
    assert files.read(folder, "empty") == "empty is empty"


def test_write_makes_folders_and_keeps_permissions(folder: Folder) -> None:
    assert files.write(folder, "src/deep/grüße.txt", "a\nb\n") == "made src/deep/grüße.txt (2 lines)"
    script = folder.root / "src/deep/grüße.txt"
    script.chmod(0o755)
    assert files.write(folder, "src/deep/grüße.txt", "c") == "replaced src/deep/grüße.txt (0 lines)"
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("c", 0o755)
    assert list(folder.spool.iterdir()) == []


def test_write_leaves_the_other_name_of_a_file_alone(folder: Folder) -> None:
    outside = folder.root.parent / "outside.txt"
    outside.write_text("mine")
    os.link(outside, folder.root / "linked.txt")
    files.write(folder, "linked.txt", "changed")
    assert outside.read_text() == "mine"


@pytest.mark.parametrize(
    "path", [".git", ".git/hooks/pre-commit", "sub/.GIT/config", ".github/workflows/x.yml", "TODO.md"]
)
def test_write_refuses_what_is_never_taken(folder: Folder, path: str) -> None:
    assert refused(lambda: files.write(folder, path, "x"))
    assert list(folder.root.iterdir()) == []


def test_edit_wants_one_place(folder: Folder) -> None:
    put(folder, "a.py", "one\ntwo\none\n")
    assert files.edited(folder, "a.py", "two", "2") == b"one\n2\none\n"
    assert files.edited(folder, "a.py", "one", "1", every=True) == b"1\ntwo\n1\n"
    assert "stands there 2 times" in refused(lambda: files.edited(folder, "a.py", "one", "1"))
    assert "does not stand there" in refused(lambda: files.edited(folder, "a.py", "three", "3"))
    put(folder, "dos.txt", "one\r\ntwo\r\n")
    assert "CR LF" in refused(lambda: files.edited(folder, "dos.txt", "one\ntwo", "x"))
    assert files.edited(folder, "dos.txt", "two", "2") == b"one\r\n2\r\n"


def test_glob_and_grep(folder: Folder) -> None:
    put(folder, "a.py", "import os\nprint(os)\n")
    put(folder, "src/b.py", "import re\n")
    put(folder, "src/c.txt", "import nothing\n")
    put(folder, "src/__pycache__/b.pyc", b"import")
    put(folder, ".git", "gitdir: elsewhere\n")
    put(folder, "blob", b"import\0")
    assert search.glob(folder, "**/*.py") == "a.py\nsrc/b.py"
    assert search.glob(folder, "src/") == "src/b.py\nsrc/c.txt"
    assert search.glob(folder, "*.rs") == "no file"
    found = search.grep(folder, "^import [or]", "test grep", NEVER)
    assert found == "a.py:1: import os\nsrc/b.py:1: import re\n(1 files are large or no text, and were left out)"
    assert (
        search.grep(folder, "IMPORT", "test grep", NEVER, where="src/c.txt", fold=True) == "src/c.txt:1: import nothing"
    )
    assert search.grep(folder, "absent", "test grep", NEVER, where="src/") == "no line"
    assert refused(lambda: search.grep(folder, "(", "test grep", NEVER)).startswith("not a regular expression")
    assert refused(lambda: search.grep(folder, "x", "test grep", NEVER, where="../x"))


def test_an_expression_that_takes_for_ever_is_ended(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SECONDS", 1.0)
    put(folder, "a.txt", "a" * 60 + "b\n")
    assert "did not end" in refused(lambda: search.grep(folder, "(a|a)*$", "test grep", NEVER))


def test_many_findings_are_capped(folder: Folder) -> None:
    for number in range(250):
        put(folder, f"f/{number:03}.txt", "hit\n")
    assert search.glob(folder, "f/").endswith("f/199.txt\n(and 50 more)")
    assert search.grep(folder, "hit", "test grep", NEVER).endswith("f/199.txt:1: hit\n(and 50 more lines)")


# The farm: names that lead out in every way a command in the worktree can make them.
FARM = {
    "up": "..",
    "out": "../outside",
    "file": "../outside/secret.txt",
    "root": "/",
    "loop": "loop",
    "in": "sub",
    "new": "../outside/new.txt",
    "sub/up": "../..",
    "sub/self": ".",
    "sub/abs": None,  # the outside folder by its absolute name
}
PIECES = [
    *[name.rpartition("/")[2] for name in FARM],
    *("sub", "a.txt", "secret.txt", "new.txt", "outside", "worktree", "..", ".", "", "~", ".git", "C:", "deep"),
    *(
        "‥",
        "\uff0e\uff0e",
        "..\u200b",
        "%2e%2e",
        "..\\outside",
        "\0",
        "\ud800",
        "sub\n",
        "-",
        "**",
        "*",
        "[",
        "…",
        "x" * 300,
    ),
]
PATHS = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("/".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), min_size=1, max_size=4).map("/".join),
    st.sampled_from(["/etc/passwd", "//etc/passwd", "{outside}/secret.txt", "{outside}/new.txt", "/proc/self/root/x"]),
)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    top = tmp_path_factory.mktemp("farm")
    folder = made(top)
    (top / "outside").mkdir()
    (top / "outside" / "secret.txt").write_text(SECRET)
    (folder.root / "sub").mkdir()
    (folder.root / "sub" / "a.txt").write_text("inside\n")
    for name, target in FARM.items():
        (folder.root / name).symlink_to(target or top / "outside")
    return folder


def outside(folder: Folder) -> dict[str, str]:
    """Everything beside the worktree, and the links in it."""
    top = folder.root.parent
    found = {str(path): path.read_text() for path in (top / "outside").rglob("*") if path.is_file()}
    return (
        found
        | {name: str((folder.root / name).readlink()) for name in FARM}
        | {str(path): "" for path in top.iterdir()}
    )


@settings(max_examples=ESCAPES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS)
def test_no_path_leads_out(farm: Folder, path: str) -> None:
    path = path.replace("{outside}", str(farm.root.parent / "outside"))
    before = outside(farm)
    said = []
    for action in (
        lambda: files.read(farm, path),
        lambda: files.write(farm, path, "escaped"),
        lambda: farm.write(path, files.edited(farm, path, "canary", "escaped")),
        lambda: search.glob(farm, path),
        lambda: "\n".join(search._texts(farm, path)[0][0]),  # noqa: SLF001 - grep without its process, a thousand times
    ):
        try:
            said.append(str(action()))
        except (RefusedError, IndexError) as error:
            said.append(str(error))
    assert SECRET not in "".join(said)
    assert outside(farm) == before
    tidy(farm)


def tidy(folder: Folder) -> None:
    """Take away what was written inside, or each walk takes longer than the one before."""
    for place in ("", "sub"):
        kept = {"sub", "a.txt", *(name.rpartition("/")[2] for name in FARM if name.rpartition("/")[0] == place)}
        for item in (folder.root / place).iterdir():
            if item.name not in kept:
                shutil.rmtree(item) if item.is_dir() else item.unlink()


def test_a_folder_that_becomes_a_symlink_meanwhile_leads_nowhere(folder: Folder) -> None:
    """A thread swaps a folder for a link and back while files are read and written through it."""
    away = folder.root.parent / "outside"
    away.mkdir()
    (away / "a.txt").write_text(SECRET)
    put(folder, "sub/a.txt", "inside")
    over = threading.Event()

    def swap() -> None:
        real, kept = folder.root / "sub", folder.root / "kept"
        while not over.is_set():
            real.rename(kept)
            with suppress(FileExistsError):  # a write made the folder that was missing
                real.symlink_to(away)
            while kept.exists():
                with suppress(OSError):
                    real.unlink() if real.is_symlink() else shutil.rmtree(real, ignore_errors=True)
                with suppress(OSError):
                    kept.rename(real)

    swapping = threading.Thread(target=swap)
    swapping.start()
    said = []
    try:
        for _ in range(2_000):
            for action in (lambda: files.read(folder, "sub/a.txt"), lambda: files.write(folder, "sub/a.txt", "inside")):
                try:
                    said.append(action())
                except RefusedError as error:
                    said.append(str(error))
    finally:
        over.set()
        swapping.join()
    assert (away / "a.txt").read_text() == SECRET
    assert [path.name for path in away.iterdir()] == ["a.txt"]
    assert SECRET not in "".join(said)


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Confinement:
    git = tmp_path_factory.mktemp("repository") / ".git"
    git.mkdir()
    env = {**os.environ, "ANTHROPIC_API_KEY": SECRET, "MY_TOKEN": SECRET}
    return Confinement.find(env, ("MY_TOKEN",), sandbox.Policy.BEST, git)


@pytest.fixture
def shell(folder: Folder, confined: Confinement) -> Shell:
    return Shell(folder.root.resolve(), confined, f"test {folder.root}/")


def test_bash_says_how_it_ended(shell: Shell) -> None:
    assert shell.run("echo hello; echo beside >&2; exit 3", NEVER) == "exit status 3\nhello\nstderr:\nbeside"
    assert shell.run("echo made > a.txt && pwd", NEVER) == f"exit status 0\n{shell.worktree}"
    assert (shell.worktree / "a.txt").read_text() == "made\n"


def test_bash_shows_the_end_of_a_flood(shell: Shell) -> None:
    said = shell.run("yes | head -c 5000000; echo THE END", NEVER)
    assert said.endswith("THE END")
    assert len(said) < 20_000
    assert "left out" in said


def test_bash_ends_in_time_with_all_it_started(shell: Shell) -> None:
    said = shell.run("sleep 1000 & sleep 1000", NEVER, 0.5)
    assert said.startswith("ended after ")
    assert said.endswith("timeout")


def test_no_key_is_in_reach_of_bash(shell: Shell) -> None:
    assert SECRET not in shell.run("env; cat /proc/$PPID/environ /proc/1/environ 2>/dev/null | tr '\\0' '\\n'", NEVER)


def test_a_command_that_no_program_can_be_given_is_refused(shell: Shell) -> None:
    for command in ("echo \ud800", "echo \0"):
        assert "half of a surrogate pair" in refused(lambda said=command: shell.run(said, threading.Event()))


def test_a_walk_passes_by_what_goes_away_or_becomes_a_symlink_meanwhile(folder: Folder) -> None:
    for name in ("a", "b", "c"):
        put(folder, f"{name}/x", "x")
    put(folder, "0", "x")
    walk = folder.walk()
    assert next(walk) == "0"
    shutil.rmtree(folder.root / "a")
    shutil.rmtree(folder.root / "b")
    (folder.root / "b").symlink_to("/etc")
    assert [*walk] == ["c/x"]
