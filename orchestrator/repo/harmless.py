"""Settings that can neither run a program nor pull in more of themselves, by what they are: the others are guarded.

What a person's own git writes into a repository in the middle of a run (a remote, a branch's upstream, an identity) is
harmless.
"""

import re
from collections.abc import Iterable

_HARMLESS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol"
    r"|safecrlf|sparsecheckout|sparsecheckoutcone|abbrev|quotepath|untrackedcache|compression|bigfilethreshold)"
    r"|extensions\.(worktreeconfig|objectformat|refstorage)|branch\..*|user\..*|author\..*|committer\..*|init\..*"
    r"|remote\..*\.(fetch|push|tagopt|prune|mirror|skipdefaultupdate)|remote\.pushdefault|push\..*|pull\..*|fetch\..*"
    r"|gc\..*|maintenance\..*|pack\..*|index\..*|feature\..*|color\..*|column\..*|advice\..*|status\..*|log\..*"
    r"|rerere\..*|merge\.(ff|conflictstyle|renames|stat)|rebase\..*|stash\..*|tag\..*|commit\.(gpgsign|verbose|status)"
    r"|submodule\..*\.(url|active|branch)|lfs\..*|worktree\..*|alias\..*"
)
_HARMLESS_URL = re.compile(r"(https?|ssh|git|file)://.*|[^:]*|[\w.-]+@[\w.-]+:[^:]*|/.*")


def risky(key: str, values: Iterable[str]) -> list[str]:
    """Return those values of the setting `key` that are not known to be harmless."""
    return [value for value in values if not _is_harmless(key, value)]


def _is_harmless(key: str, value: str) -> bool:
    if re.fullmatch(r"remote\..*\.(url|pushurl)", key):
        return _HARMLESS_URL.fullmatch(value) is not None
    return _HARMLESS.fullmatch(key) is not None
