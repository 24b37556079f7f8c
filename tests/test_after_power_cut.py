"""What a power cut leaves that a kill does not: files that are there and empty, answers older than the machine's start."""

from harness import Repo

from orchestrator.workspace import boot_id


def project(repo: Repo) -> Repo:
    repo.task("a: do a")
    repo.spec("a", "a.txt")
    repo.shell_agent('echo new > "$1"')
    repo.commit("a project")
    return repo


def test_the_worktree_of_verify_is_made_anew_once_the_machine_was_restarted(repo: Repo) -> None:
    project(repo)
    repo.shell_agent('echo new > "$1"', verify="true")
    repo.run("run")
    repo.run("task", "add", "b", "do b")
    repo.spec("b", "b.txt")
    (repo.root / ".git" / "worktrees" / "verify" / "HEAD").write_text("")
    mark = repo.root / ".orchestrator" / "set-up"
    mark.write_text(mark.read_text().replace(boot_id(), "another"))
    repo.run("run")
    assert repo.landed() == ["a", "b"]


def test_gits_record_of_a_worktree_that_leads_nowhere_is_dropped(repo: Repo) -> None:
    admin = project(repo).root / ".git" / "worktrees" / "a-1"
    admin.mkdir(parents=True)
    for name in ("HEAD", "commondir", "gitdir", "index"):
        (admin / name).touch()
    repo.run("run")
    assert not admin.exists()
    assert repo.landed() == ["a"]
