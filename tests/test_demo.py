"""`demo`: a stranger's first command, wherever they stand and however their machine is set up."""

import re
import time
from pathlib import Path

from harness import Repo, hermetic

BEFORE = (  # the kill, each side of it in no order of its own: agents work side by side
    "started stock/1 (cleo)",
    "landed greet as ",
    "sent back price/1: deterministic: AssertionError: price(50) is 70, not 60",
)
KILL = "kill -9: "
AFTER = ("healed: kept the work of stock/1 (interrupted)", "2 done, 2 to do", "landed receipt as ")


def stranger(tmp_path: Path) -> Repo:
    """Somebody without a git identity, in a folder that is no repository."""
    home, folder = tmp_path / "home", tmp_path / "some where"
    home.mkdir()
    folder.mkdir()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return Repo(folder, {**hermetic(home), "TMPDIR": str(temporary)})


def test_it_shows_a_kill_and_carries_on_within_the_time_it_promises(tmp_path: Path) -> None:
    user = stranger(tmp_path)
    began = time.monotonic()
    said = user.run("demo")
    assert time.monotonic() - began < 20
    before, after = said.err.split(KILL)
    assert [part for part in BEFORE if part not in before] == []
    places = [after.index(part) for part in AFTER]
    assert places == sorted(places)
    subjects = [re.sub(r"^\* [0-9a-f]{7,} ", "", line) for line in said.out.split("\n")[:7]]
    assert sorted(subjects) == sorted(
        [
            "receipt: a receipt that puts the three together",
            "stock: what is left in stock",
            "price: the price with tax",
            "greet: greet a customer",
            "spec: price: what attempt 1 ran into",
            "checkpoint: the plan",
            "a shop without functions, and a plan",
        ]
    )
    assert said.err.count("\nnext: ") == 3
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list(user.root.iterdir()) == []


def test_it_is_deaf_to_the_persons_own_git_configuration(tmp_path: Path) -> None:
    user = stranger(tmp_path)
    hook = tmp_path / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    settings = f"[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n[core]\n\thooksPath = {hook.parent}\n"
    (tmp_path / "home" / "gitconfig").write_text(settings)
    (tmp_path / "home" / ".gitconfig").write_text(settings)
    said = user.run("demo", "--json", env={"ORCHESTRATOR_LIMITS_JOBS": "1", "GIT_DIR": "/nowhere"})
    assert said.err == ""
    assert said.json["data"]["killed"] is True
    assert said.json["data"]["landed"][-1] == "receipt"
    assert len(said.json["next"]) == 3


def test_it_keeps_the_repository_where_asked_and_never_in_a_folder_that_is_in_use(tmp_path: Path) -> None:
    user = stranger(tmp_path)
    said = user.run("demo", "--keep", "kept")
    assert said.out.endswith(f"kept in {user.root / 'kept' / 'shop'}\n")
    kept = Repo(user.root / "kept" / "shop", user.env)
    assert sorted(kept.landed()) == ["greet", "price", "receipt", "stock"]
    assert kept.git("status", "--porcelain") == ""
    said = user.run("demo", "--keep", "kept", code=5)
    assert said.err == "error: kept is not empty\nhint: name a folder that is not there yet\n"
