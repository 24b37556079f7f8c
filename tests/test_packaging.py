"""What is built and shipped: wheel and sdist are whole, and what is installed needs no checkout."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from harness import Repo, hermetic

CHECKOUT = Path(__file__).parent.parent
TEMPLATES = CHECKOUT / "templates"


def files(root: Path) -> set[str]:
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in found if not any(part.startswith((".", "__pycache__")) for part in path.parts)}


def _run(*argv: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, CHECKOUT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands' folder of an environment that has the wheel and its dependencies, and no checkout."""
    folder = tmp_path_factory.mktemp("installed")
    _run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    install = ("install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check", wheel)
    _run(sys.executable, "-m", "pip", "--python", python, *install, cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Only the dependencies: a .pth file inside a folder that a .pth file names is not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_has_code_templates_types_and_licence(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {f"orchestrator/{name}" for name in files(CHECKOUT / "orchestrator")}
    assert names == code | {f"orchestrator/templates/{name}" for name in files(TEMPLATES)}
    assert "orchestrator/py.typed" in names


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        assert archive.read(name) == (CHECKOUT / "LICENSE").read_bytes()


def test_the_sdist_has_what_a_packager_needs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "tests/harness.py",
        "orchestrator/py.typed",
    }
    assert wanted | {f"templates/{name}" for name in files(TEMPLATES)} <= names
    assert [name for name in names if name.startswith((".venv", ".git/", ".orchestrator"))] == []


def test_a_wheel_from_the_checkout_is_the_one_from_the_sdist(wheel: Path, tmp_path: Path) -> None:
    _run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--outdir",
        tmp_path,
        CHECKOUT,
        cwd=tmp_path,
    )
    (direct,) = tmp_path.glob("*.whl")
    assert zipfile.ZipFile(direct).namelist() == zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("command", ["orchestrator", "checkpoint-orchestrator"])
def test_both_commands_say_their_version(installed: Path, tmp_path: Path, command: str) -> None:
    said = _run(installed / command, "--version", cwd=tmp_path, env=hermetic(tmp_path))
    assert said == "orchestrator, version 0.1.0\n"


def test_the_installed_program_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import orchestrator, orchestrator.render as r; print(orchestrator.__file__, r.folder(), sep='\\n')"
    said = _run(installed / "python", "-c", code, cwd=tmp_path, env=hermetic(tmp_path)).split("\n")
    home = str(installed.parent)
    assert [place.startswith(home) for place in said[:2]] == [True, True]


def test_the_installed_program_runs_a_plan(installed: Path, repo: Repo) -> None:
    repo.shell_agent('echo new > "$1"', verify="test -s a.txt")
    repo.write("a.txt", "old\n")
    repo.task("a: change a")
    repo.spec("a", "a.txt")
    repo.commit("a plan")
    _run(installed / "orchestrator", "run", cwd=repo.root, env=repo.env)
    assert repo.landed() == ["a"]
    assert repo.read("a.txt") == "new\n"


def test_the_installed_program_plays_its_demo(installed: Path, tmp_path: Path) -> None:
    said = _run(installed / "orchestrator", "demo", cwd=tmp_path, env=hermetic(tmp_path))
    assert "Traceback" not in said


def test_a_bare_checkout_finds_its_templates(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "from orchestrator import render; print(render.folder())"
    assert _run(sys.executable, "-c", code, cwd=tmp_path, env=env) == f"{CHECKOUT / 'templates'}\n"
