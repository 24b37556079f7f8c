"""The person at the desk: one plan after another, each as large as the one before, over the same files."""

from pathlib import Path

from harness import Repo


def project(root: Path) -> Repo:
    """Make a repository without a plan."""
    repo = Repo(root).init()
    repo.write("README.md", "# A project\n")
    repo.commit("first")
    return repo


def write(repo: Repo, number: int, size: int) -> None:
    """Replace the plan by the next: tasks of other names with the same files; the papers of the last go."""
    for paper in (repo.root / "specs").glob("*.md"):
        paper.unlink()
    tasks = [f"p{number}-t{place}" for place in range(size)]
    for place, task in enumerate(tasks):
        repo.spec(task, _file(place), goal=f"{_file(place)} says {task}.")
    repo.task(*(f"{task}: do {task}" for task in tasks))
    repo.config("\n".join(_entry(task, place) for place, task in enumerate(tasks)), more="[limits]\njobs = 4\n")
    repo.commit(f"plan {number}")


def _file(place: int) -> str:
    return f"src/{place:04}.txt"


def _entry(task: str, place: int) -> str:
    """Return what the agent does for a task: its file, and a result with something decided."""
    result = f"## Result: {task}\\n\\n**Status**: Complete\\n**Decisions**: {task} says so in one line\\n"
    return f'[[attempt]]\ntask = "{task}"\nwrite = {{"{_file(place)}" = "{task}\\n"}}\nresult = "{result}"\n'
