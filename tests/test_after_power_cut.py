"""What a power cut leaves that a kill does not: files that are there and empty, answers older than the machine's start."""

from harness import Repo


def project(repo: Repo) -> Repo:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"')
    repo.commit("a project")
    return repo


def test_gits_record_of_a_worktree_that_leads_nowhere_is_dropped(repo: Repo) -> None:
    admin = project(repo).root / ".git" / "worktrees" / "a-1"
    admin.mkdir(parents=True)
    for name in ("HEAD", "commondir", "gitdir", "index"):
        (admin / name).touch()
    repo.run("run")
    assert not admin.exists()
    assert repo.landed() == ["a"]
