"""Settings that can neither run a program nor change what is read or lands: what a person's own git writes at any time.

Everything else is guarded. So a key stands here only where every value it can have is known to do nothing of the kind,
or where the value is looked at, too. Among others, these are not here: `gc.recentObjectsHook`, `lfs.url` and
`lfs.customtransfer.*`, `init.templateDir` (programs, and where they come from), `rebase.instructionFormat` (its `%n`
adds an `exec` to a rebase), `pull.twohead` and `branch.*.mergeOptions` (a strategy), `fetch.bundleURI`, what turns line
ends, modes and links into others, and what makes gc throw away what a person could still have had back.
"""

import re
from collections.abc import Iterable

_HARMLESS = re.compile(
    r"core\.(logallrefupdates|safecrlf|sparsecheckout|sparsecheckoutcone|abbrev|quotepath|untrackedcache|compression"
    r"|bigfilethreshold)|extensions\.worktreeconfig|(user|author|committer)\..*|init\.defaultbranch"
    r"|branch\.(?!.*\.(mergeoptions|remote|pushremote)$).*"
    r"|remote\..*\.(fetch|push|tagopt|prune|prunetags|mirror|skipdefaultupdate|skipfetchall|gh-resolved)|gui\..*"
    r"|push\.(default|followtags|autosetupremote|negotiate|useforceifincludes)|pull\.(rebase|ff)|fetch\.(?!bundle).*"
    r"|gc\.(auto|autodetach|autopacklimit|bigpackthreshold|cruftpacks|packrefs|writecommitgraph|aggressive(depth|window))"
    r"|maintenance\..*|pack\..*|index\..*|feature\..*|color\..*|column\..*|advice\..*|status\..*|log\.(?!showsignature).*"
    r"|merge\.(ff|conflictstyle|renames|stat)|rebase\.(?!instructionformat).*|stash\..*|tag\.(sort|forcesignannotated)"
    r"|commit\.(gpgsign|verbose|status)|submodule\..*\.(active|branch)|worktree\.(guessremote|userelativepaths)"
    r"|lfs\.repositoryformatversion|lfs\..*\.(access|locksverify)"
)
# Where git goes to: another program only by a word before two colons.
_URL = re.compile(r"remote\..*\.(url|pushurl)|submodule\..*\.url|branch\..*\.(remote|pushremote)|remote\.pushdefault")
_HARMLESS_URL = re.compile(r"(https?|ssh|git|file)://.*|[^:]*|[\w.-]+@[\w.-]+:[^:]*|/.*")
# Of an alias: with more than a command's name it may be `-c core.pager=...`, or `bisect run ...`.
_WORD = re.compile(r"[a-z][a-z-]*")
_VALUES = {"core.repositoryformatversion": {"0", "1"}, "core.bare": {"false"}}
# What git writes into each new repository, by what the disk and the machine are like.
_OF_A_NEW_ONE = re.compile(
    r"core\.(bare|filemode|ignorecase|precomposeunicode|symlinks)|extensions\.(objectformat|refstorage)"
)


def risky(key: str, values: Iterable[str]) -> list[str]:
    """Return those values of the setting `key` that may run a program or change what is read or lands."""
    return [value for value in values if not _is_harmless(key, value)]


def of_a_new_one(key: str) -> bool:
    """Whether git itself sets `key` when it makes a repository."""
    return _OF_A_NEW_ONE.fullmatch(key) is not None


def _is_harmless(key: str, value: str) -> bool:
    if key in _VALUES:
        return value in _VALUES[key]
    if key.startswith("alias."):
        return _WORD.fullmatch(value) is not None
    if _URL.fullmatch(key):
        return _HARMLESS_URL.fullmatch(value) is not None
    return _HARMLESS.fullmatch(key) is not None
