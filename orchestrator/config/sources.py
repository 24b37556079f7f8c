"""Where values come from: flags, the environment, files; each says where a key of it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.config.keys import KEYS, SECTIONS, KeyPath
from orchestrator.config.places import places
from orchestrator.config.tables import read, refusal, table
from orchestrator.errors import OrchestratorError

FILE = "orchestrator.toml"
_SHARED = "pyproject.toml"


@dataclass(frozen=True)
class Source:
    """Values by path, from one origin; `agents.NAME` is one value. `lines` says where keys stand, for a file."""

    name: str
    values: Mapping[KeyPath, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def where(self, path: KeyPath) -> str:
        """Return `file:line` of a key or of the table that should hold it; the origin's name when it is no file."""
        line = next((self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), 0)
        return f"{self.name}:{line}" if line else self.name

    def error(self, path: KeyPath, message: str, hint: str) -> OrchestratorError:
        """Return the refusal of a key."""
        return refusal(self.where(path), message, hint)


def sources(root: Path, env: Mapping[str, str], flags: Mapping[str, object]) -> list[Source]:
    """Return every source, the strongest first.

    Raises:
        OrchestratorError: a file cannot be read, or is no TOML; with `file:line`.
    """
    given = {_path(key): value for key, value in flags.items() if value is not None}
    own = _from_file(root / FILE, FILE) or _from_file(root / _SHARED, _SHARED, ("tool", "orchestrator"))
    user = _user_file(env)
    files = (own, _from_file(user, str(user)))
    return [Source("flag", given), _environment(env), *(source for source in files if source)]


def _path(key: str) -> KeyPath:
    return tuple(key.split("."))


def _environment(env: Mapping[str, str]) -> Source:
    names = {"ORCHESTRATOR_" + key.replace(".", "_").upper(): key for key in KEYS}
    found = {_path(key): KEYS[key].kind.read(env[name]) for name, key in names.items() if name in env}
    return Source("environment", found)


def _user_file(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME", "/")) / ".config")
    return Path(base) / "orchestrator" / "config.toml"


def _from_file(file: Path, name: str, base: KeyPath = ()) -> Source | None:
    """Return the table at `base` of a file, None when there is none."""
    text = _text(file, name)
    if text is None:
        return None
    held: Any = table(text, name)
    for step in base:
        held = held.get(step) if isinstance(held, Mapping) else None
    if held is None:
        return None
    lines = {path[len(base) :]: line for path, line in places(text).items() if path[: len(base)] == base}
    if not isinstance(held, Mapping):
        raise refusal(f"{name}:{lines[()]}", f"{'.'.join(base)} must be a table", f"write [{'.'.join(base)}.limits]")
    return Source(name, _flat(held), {(): 1, **lines})


def _text(file: Path, name: str) -> str | None:
    try:
        if not file.is_file() and not file.is_dir():  # a pipe would be waited for
            return None
        return read(file, name)
    except OSError as error:
        hint = f"make it a file that you may read: ls -ld {name}"
        raise refusal(f"{name}:1", f"cannot be read: {error.strerror}", hint) from error


def _flat(table: Mapping[str, Any]) -> dict[KeyPath, Any]:
    """Return values by path; what is no section of ours stays as it is, to be refused."""
    flat: dict[KeyPath, Any] = {}
    for section, values in table.items():
        if isinstance(values, Mapping) and (values or section in SECTIONS):
            flat |= {(section, key): value for key, value in values.items()}
        else:
            flat[section,] = values
    return flat
