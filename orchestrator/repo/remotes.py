"""Remotes: where else the history is. Read through GitPython, in one thread; its import is paid by `doctor` alone."""

from orchestrator.repo.locate import Place


def unpushed(place: Place) -> int | None:
    """Return how many commits of the checked-out branch its upstream does not have; None without an upstream."""
    from git import Repo  # noqa: PLC0415 - 60 ms, and it raises where no git is installed

    with Repo(place.root, expand_vars=False) as repo:
        upstream = None if repo.head.is_detached else repo.active_branch.tracking_branch()
        if upstream is None or not upstream.is_valid():
            return None
        return int(repo.git.rev_list("--count", f"{upstream.path}..HEAD"))
