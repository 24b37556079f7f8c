"""The files that a spec names, as a commit has them."""

from orchestrator import policy
from orchestrator.documents.spec import Spec
from orchestrator.repo.git import Git
from orchestrator.repo.trees import entries


def named_files(git: Git, base: str, spec: Spec) -> tuple[str, ...]:
    """Return the files a spec names: globs and folders as the base has them, plain names as they are."""
    existing = entries(git, base) if any(policy.is_glob(file.path) for file in spec.files) else {}
    found: dict[str, None] = {}
    for file in spec.files:
        if policy.is_glob(file.path):
            here = [path for path in existing if policy.covers([file.path], path)]
            # A new file may have brackets of its own.
            found |= dict.fromkeys(here or ([file.path] if policy.may_be_name(file.path) else []))
        else:
            found[file.path] = None
    return tuple(found)
