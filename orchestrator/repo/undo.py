"""Undoing what others did to refs: what stands in the way goes first, and what a ref said is kept where git can."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from orchestrator.repo.git import Git, GitError
from orchestrator.repo.refs import OURS, ZERO, Move, move
from orchestrator.repo.removal import remove_tree

_LOST = f"{OURS}/lost"


def kept(kind: str, tip: str) -> Move:
    """Return the move that keeps what a ref said, under a name of ours."""
    return Move(f"{_LOST}/{kind}-{tip[:12]}", tip)


def put_back(git: Git, git_dir: Path, refs: Mapping[str, tuple[str, str]], kind: str) -> None:
    """Make each ref say again what it should, whatever was planted; where git cannot, it stays for the next look.

    Args:
        git: the leader's git.
        git_dir: where the refs are.
        refs: what each says now and what it should say: empty for nothing.
        kind: what they are, in the name of the ref that keeps what one said.
    """
    # What should not be there goes first: a ref can stand where another's folder was, or has to be.
    for ref, (said, should) in sorted(refs.items(), key=lambda item: (bool(item[1][1]), item[0])):
        back = Move(ref, should or ZERO)
        _move(git, git_dir, [kept(kind, said), back] if said else [back], back)


def _move(git: Git, git_dir: Path, moves: list[Move], back: Move) -> None:
    """Make the moves, at worst only the one that puts a ref back: what it said may be no commit at all."""
    for some in (moves, moves, [back]):
        with suppress(GitError):
            move(git, some, f"undo a change of {back.ref}")
            return
        for each in moves:
            make_way(git_dir, each)


def undo_move(git: Git, git_dir: Path, back: Move, kind: str) -> Move | None:
    """Undo one ref's move if it is still where `back` says; return what keeps where it was, None where it moved on."""
    keeping = kept(kind, str(back.old))
    for _ in range(2):
        with suppress(GitError):
            move(git, [keeping, back], "undo a move from outside")
            return keeping
        make_way(git_dir, keeping)
    return None


def make_way(git_dir: Path, to_come: Move) -> None:
    """Take away what stands on the disk where git would write a ref or its reflog, and is none that git would list."""
    for top in (git_dir, git_dir / "logs"):
        path = top / to_come.ref
        for above in reversed(path.parents):
            if top in above.parents and not above.is_dir():
                _take_away(above)
        _take_away(path.with_name(f"{path.name}.lock"))
        if to_come.new != ZERO:
            _take_away(path)


def _take_away(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink()
