"""What a confined command sees of the environment: what programs and toolchains need, and never a key."""

import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

# Where toolchains say they are; `toolchain` makes these folders readable.
TOOL_VARIABLES = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "RUSTUP_HOME",
    "CARGO_HOME",
    "NVM_DIR",
    "VOLTA_HOME",
    "RBENV_ROOT",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "GOROOT",
    "GOPATH",
    "JAVA_HOME",
    "DOTNET_ROOT",
)
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", *TOOL_VARIABLES)
_SECRET = re.compile(
    r"ANTHROPIC_.*|CLAUDE_.*|OPENAI_.*|AWS_.*|AZURE_.*|GOOGLE_.*|GCP_.*|GH_.*|GITHUB_.*|GITLAB_.*|SSH_.*|GPG_.*|DBUS_.*"
    r"|ORCHESTRATOR_TOKEN|(.*_)?(API_?KEY|ACCESS_?KEY|KEY|TOKEN|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH"
    r"|COOKIE|PAT|DSN)(_.*)?",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "TERM": "dumb"}


def environment(
    base: Mapping[str, str], passed: Sequence[str] = (), extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Build the whole environment of a confined command.

    Args:
        base: the environment to choose from, usually `os.environ`.
        passed: names to let through besides; a trailing `*` is a prefix. A name that sounds like a key stays out.
        extra: variables set on top, under the same rule.

    Returns:
        A new mapping. PATH has only absolute folders in it: a relative one would be the worktree's.
    """
    chosen = {name: value for name, value in base.items() if any(fnmatchcase(name, k) for k in (*_KEPT, *passed))}
    made = {**_QUIET, **chosen, **(extra or {})}
    made["PATH"] = os.pathsep.join(folders(made)) or os.defpath.lstrip(os.pathsep)
    return {name: value for name, value in made.items() if _NAME.fullmatch(name) and not is_secret(name)}


def is_secret(name: str) -> bool:
    """Whether a variable's name says that it holds a key."""
    return _SECRET.fullmatch(name) is not None


def folders(env: Mapping[str, str]) -> list[str]:
    """Return the absolute folders on PATH, each once."""
    return list(dict.fromkeys(part for part in env.get("PATH", "").split(os.pathsep) if part.startswith("/")))
