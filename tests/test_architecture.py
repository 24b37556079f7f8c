"""The house rules, read from the source: which way imports go, and who alone holds the key to what."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "orchestrator"

# Each room imports only rooms that stand before it.
ROOMS = (
    "errors",
    "plaintext",
    "clock",
    "events",
    "documents",
    "testing",
    "failure",
    "budget",
    "policy",
    "plan",
    "render",
    "config",
    "apart",
    "process",
    "sandbox",
    "workspace",
    "lock",
    "repo",
    "models",
    "agents",
    "steps",
    "engines",
    "brief",
    "leader",
    "views",
    "cli",
    "__main__",
)

# Who may touch what: modules below `orchestrator.`, each with a reason to.
KEYS: dict[str, tuple[str, ...]] = {
    "processes": (
        "apart",  # whether one came to its program
        "process.*",  # agents and verify
        "repo.git",  # git
        "repo.standby",  # git that stays
        "repo.sight",  # the walker that stays
        "repo.remotes",  # gitpython, for what the upstream lacks
        "cli.app",  # itself again, where names would be read as anything but UTF-8
    ),
    "network": (
        "testing.*",  # listens on loopback, for tests
        "models.*",  # hangs up
    ),
    "clock": (
        "clock",
        "lock",  # since when it is held, for a person who reads it
    ),
    "waiting": (
        "clock",
        "process.*",  # time limits of children
        "lock",  # patience for it
        "repo.guard",  # how long git takes
        "repo.heal",  # patience for the user's own git
        "repo.index_lock",  # patience for the user's own git
        "steps.claim",  # patience for a claim made at the same instant
        "views.status",  # patience for a landing under way
    ),
    "environment": ("cli.*",),
    "terminal": (
        "cli.*",
        "views.live",  # the live view draws on stderr through rich
        "agents.builtin.matcher",  # a program of its own, which answers grep
        "repo.walk",  # the same, which walks worktrees
    ),
    "disk": (
        "workspace",
        "lock",
        "models.journal",  # what was spent, synced before a call leaves
        "process.streams",  # what a child says, as it says it
        "sandbox.probe",  # a folder to break out of
        "repo.*",  # worktrees, indexes and stale locks
        "agents.*",  # the scripted agent's edits, the result's folder, the conformance suite's trial
        "steps.overlay",  # what git merge-file reads
        "steps.regions",  # the same
        "steps.verify",  # copies and links into a worktree
        "steps.rebuild",  # state files that the history does not have
        "steps.stopped",  # why a run stopped, once the next one starts
        "leader.recovery",  # half-written files
        "steps.install",  # the folder for specs, and taking all of it away again
        "cli.demo",  # a folder to play in
        "cli.stage",  # the repository in it
        "cli.output",  # the crash report
    ),
    "catch-all": (
        "cli.app",  # a bug becomes a report
        "engines.local",  # a thread's error goes to the leader
        "leader.beside",  # the same
        "leader.loop",  # the same
        "cli.hook",  # a coding agent's session never stops because of us
        "models.door",  # the SDK lets through whatever a broken answer makes of it
    ),
}

LONGEST = 400
VAGUE = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}

Sources = Mapping[str, ast.Module]


@pytest.fixture(scope="module")
def sources() -> Sources:
    return {_module(path): ast.parse(path.read_text(), str(path)) for path in sorted(PACKAGE.rglob("*.py"))}


def _module(path: Path) -> str:
    """`plan`, `steps.land`, `steps` for a package's own file, and "" for the top."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(sources: Sources, module: str) -> Iterator[str]:
    """Return our own modules that `module` imports, wherever in its file it does."""
    for node in ast.walk(sources[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
            base = (node.module or "").partition(".")[2]
            for alias in node.names:
                inner = f"{base}.{alias.name}".strip(".")
                yield inner if inner in sources else base


def _is_ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == "orchestrator"


def wrong_way(sources: Sources) -> list[str]:
    found = []
    for module in filter(None, sources):
        own = module.split(".")[0]
        if own not in ROOMS:
            found.append(f"{module} is in no known room")
            continue
        theirs = {name.split(".")[0] for name in imports(sources, module) if name}
        below = sorted(room for room in theirs if room not in ROOMS or ROOMS.index(room) > ROOMS.index(own))
        found += [f"{module} imports {room}" for room in below]
    return found


def for_tests_only(sources: Sources) -> list[str]:
    """What ships for users' tests is no part of the program."""
    outside = [module for module in sources if module.split(".")[0] != "testing"]
    return [module for module in outside if any(name.split(".")[0] == "testing" for name in imports(sources, module))]


def circles(sources: Sources) -> list[str]:
    graph = {module: {name for name in imports(sources, module) if name != module} for module in sources}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def called(node: ast.AST) -> tuple[str, str]:
    """Return `("os", "open")` for `os.open(...)`, `("", "open")` for `open(...)` and `path.open(...)`."""
    if not isinstance(node, ast.Call):
        return "", ""
    if isinstance(node.func, ast.Name):
        return "", node.func.id
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        known = isinstance(owner, ast.Name) and owner.id in {
            "os",
            "shutil",
            "time",
            "datetime",
            "date",
            "fcntl",
            "tempfile",
        }
        return (owner.id if known and isinstance(owner, ast.Name) else ""), node.func.attr
    return "", ""


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return set()


def mentions(node: ast.AST, owner: str, *names: str) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id == owner and node.attr in names
    return bool(imported(node) & {f"{owner}.{name}" for name in names})


def starts_processes(node: ast.AST) -> bool:
    direct = ("system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp")
    families = isinstance(node, ast.Attribute) and node.attr.startswith(("execv", "execl", "spawnv", "spawnl"))
    return (
        bool(imported(node) & {"subprocess", "multiprocessing", "git", "pty"})
        or mentions(node, "os", *direct)
        or families
    )


def reaches_out(node: ast.AST) -> bool:
    networks = {
        "socket",
        "ssl",
        "http",
        "urllib",
        "httpx",
        "requests",
        "aiohttp",
        "asyncio",
        "anthropic",
        "smtplib",
        "ftplib",
    }
    return any(name.split(".")[0] in networks for name in imported(node))


def reads_the_clock(node: ast.AST) -> bool:
    wall = mentions(node, "time", "time", "time_ns", "localtime", "gmtime", "ctime")
    return wall or mentions(node, "datetime", "now", "utcnow", "today") or mentions(node, "date", "today")


def waits(node: ast.AST) -> bool:
    return mentions(node, "time", "monotonic", "monotonic_ns", "perf_counter", "sleep")


def reads_the_environment(node: ast.AST) -> bool:
    return mentions(node, "os", "environ", "environb", "getenv", "putenv", "unsetenv")


def talks(node: ast.AST) -> bool:
    streams = mentions(node, "sys", "stdout", "stderr", "stdin", "__stdout__", "__stderr__")
    return streams or called(node) in {("", "print"), ("", "input")} or "rich.console.Console" in imported(node)


def writes(node: ast.AST) -> bool:
    if {name.split(".")[0] for name in imported(node)} & {"fcntl", "tempfile"}:
        return True
    owner, name = called(node)
    if owner == "shutil":
        return name not in {"which", "disk_usage"}
    if owner == "os" and isinstance(node, ast.Call):
        return name in _WRITING_OS or (name == "open" and not _harmless(ast.dump(node)))
    if not isinstance(node, ast.Call) or owner:
        return False
    return name in _WRITING or (name == "open" and not _reads(node)) or (name == "replace" and _moves(node))


_WRITING = {
    "write_text",
    "write_bytes",
    "unlink",
    "mkdir",
    "rmdir",
    "rename",
    "touch",
    "chmod",
    "symlink_to",
    "hardlink_to",
}
_WRITING_OS = {
    *_WRITING,
    "replace",
    "remove",
    "makedirs",
    "link",
    "symlink",
    "truncate",
    "renames",
    "removedirs",
    "mkfifo",
}


def _harmless(opened: str) -> bool:
    return "O_RDONLY" in opened or "devnull" in opened


def _reads(call: ast.Call) -> bool:
    """Whether an `open` says plainly that it only reads."""
    place = 0 if isinstance(call.func, ast.Attribute) else 1
    modes = [*call.args[place : place + 1], *(word.value for word in call.keywords if word.arg == "mode")]
    return all(isinstance(mode, ast.Constant) and set(str(mode.value)) <= set("rbt") for mode in modes)


def _moves(call: ast.Call) -> bool:
    """Whether a `replace` is a path's: a string's takes two arguments, a moment's only keywords."""
    return isinstance(call.func, ast.Attribute) and len(call.args) == 1 and not call.keywords


def catches_all(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler) or ast.unparse(node.body[-1]) == "raise":
        return False
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}) for kind in caught
    )


CHECKS: dict[str, Callable[[ast.AST], bool]] = {
    "processes": starts_processes,
    "network": reaches_out,
    "clock": reads_the_clock,
    "waiting": waits,
    "environment": reads_the_environment,
    "terminal": talks,
    "disk": writes,
    "catch-all": catches_all,
}


def users(sources: Sources, key: str) -> dict[str, int]:
    """Return the modules that use what `key` locks, each with a line where it does."""
    found: dict[str, int] = {}
    for module, tree in sources.items():
        for node in ast.walk(tree):
            if module not in found and CHECKS[key](node):
                found[module] = getattr(node, "lineno", 0)
    return found


def holds(key: str, module: str) -> bool:
    return any(fnmatch(module, pattern) for pattern in KEYS[key])


def test_imports_go_one_way(sources: Sources) -> None:
    assert wrong_way(sources) == []


def test_the_program_does_without_what_ships_for_tests(sources: Sources) -> None:
    assert for_tests_only(sources) == []


def test_no_module_imports_itself_by_a_detour(sources: Sources) -> None:
    assert circles(sources) == []


@pytest.mark.parametrize("key", KEYS)
def test_only_the_holder_of_a_key_uses_it(sources: Sources, key: str) -> None:
    assert [f"{module}:{line}" for module, line in users(sources, key).items() if not holds(key, module)] == []


@pytest.mark.parametrize("key", KEYS)
def test_nobody_holds_a_key_without_need(sources: Sources, key: str) -> None:
    found = users(sources, key)
    assert [pattern for pattern in KEYS[key] if not any(fnmatch(module, pattern) for module in found)] == []


def test_files_are_short_and_say_what_they_own() -> None:
    paths = [*PACKAGE.rglob("*.py")]
    assert [str(path) for path in paths if len(path.read_text().split("\n")) > LONGEST + 1] == []
    assert [str(path) for path in paths if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_starting_the_program_loads_no_kit() -> None:
    kits = {"anthropic", "dbos", "git", "rich"}
    code = f"import sys, orchestrator.cli.app; sys.exit({kits} & {{*sys.modules}} or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_verb_that_reads_loads_nothing_that_writes() -> None:
    slow = {"difflib", "email", "hashlib", "importlib.metadata", "logging", "orchestrator.leader", "traceback"}
    slow |= {"orchestrator.repo.checkout", "orchestrator.repo.guard", "orchestrator.repo.worktrees"}
    verbs = ", ".join(f"orchestrator.cli.{name}" for name in ("app", "brief", "log", "status"))
    code = f"import sys, {verbs}; sys.exit({slow} & {{*sys.modules}} or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


PLANTED = [
    ("processes", "import subprocess"),
    ("processes", "from subprocess import run"),
    ("processes", "import os\nos.system('ls')"),
    ("processes", "import os\nos.execvp('ls', ['ls'])"),
    ("network", "import urllib.request"),
    ("network", "from http.client import HTTPConnection"),
    ("network", "def f():\n    import anthropic"),
    ("clock", "import time\nnow = time.time()"),
    ("clock", "from time import time"),
    ("clock", "from datetime import datetime\ndatetime.now()"),
    ("waiting", "import time\ntime.sleep(1)"),
    ("environment", "import os\nos.environ['A']"),
    ("environment", "from os import environ"),
    ("terminal", "print('hello')"),
    ("terminal", "import sys\nsys.stderr.write('hello')"),
    ("disk", "path.write_text('')"),
    ("disk", "path.open('w')"),
    ("disk", "path.open(mode)"),
    ("disk", "open('a', 'wb')"),
    ("disk", "path.replace(other)"),
    ("disk", "import os\nos.open('a', os.O_RDWR)"),
    ("disk", "import shutil\nshutil.rmtree('a')"),
    ("disk", "import fcntl"),
    ("catch-all", "try:\n    pass\nexcept Exception:\n    pass"),
    ("catch-all", "try:\n    pass\nexcept (OSError, BaseException):\n    pass"),
    ("catch-all", "try:\n    pass\nexcept:\n    pass"),
]


@pytest.mark.parametrize(("key", "code"), PLANTED)
def test_a_planted_offence_is_found(key: str, code: str) -> None:
    assert list(users({"plan": ast.parse(code)}, key)) == ["plan"]
    assert not holds(key, "plan")


HARMLESS = [
    ("disk", "text.replace('a', 'b')"),
    ("disk", "moment.replace(tzinfo=None)"),
    ("disk", "path.open('rb')"),
    ("disk", "path.open()"),
    ("disk", "import os\nos.open('a', os.O_RDONLY)"),
    ("clock", "clock.now()"),
    ("catch-all", "try:\n    pass\nexcept ValueError:\n    pass"),
    ("catch-all", "try:\n    pass\nexcept BaseException:\n    tidy()\n    raise"),
]


@pytest.mark.parametrize(("key", "code"), HARMLESS)
def test_what_only_looks_like_an_offence_is_not(key: str, code: str) -> None:
    assert users({"plan": ast.parse(code)}, key) == {}


def test_a_planted_wrong_import_is_found() -> None:
    planted = {
        "plan": ast.parse("from orchestrator.cli import app"),
        "cli.app": ast.parse(""),
        "attic": ast.parse(""),
    }
    assert wrong_way(planted) == ["plan imports cli", "attic is in no known room"]


def test_a_planted_import_of_what_ships_for_tests_is_found() -> None:
    planted = {"testing.server": ast.parse("from orchestrator.testing import wire"), "testing.wire": ast.parse("")}
    assert for_tests_only(planted) == []
    assert for_tests_only({**planted, "repo.git": ast.parse("import orchestrator.testing.server")}) == ["repo.git"]


def test_a_planted_circle_is_found() -> None:
    one, two = ast.parse("from orchestrator.steps import land"), ast.parse("import orchestrator.steps.verify")
    assert circles({"steps.verify": one, "steps.land": two}) != []
