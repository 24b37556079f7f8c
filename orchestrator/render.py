"""Documents and prompts from `templates/`. Text from outside is only ever a value in them, never a template."""

import re
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.plaintext import safe_text

if TYPE_CHECKING:
    from jinja2 import Environment


_MARKER = re.compile(r"^(<{7}|\|{7}|>{7})", re.MULTILINE)


def folder() -> Path:
    """Return where the templates are: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "templates"


def text(name: str, values: Mapping[str, object]) -> str:
    """Return the template `name` filled in.

    Raises:
        jinja2.UndefinedError: the template wants a value that `values` lacks; a bug of ours.
    """
    return _environment().get_template(name).render(values)


def document(name: str, values: Mapping[str, object]) -> bytes:
    """Return the template `name` filled in, as a file's bytes."""
    return text(name, values).encode()


def load_beside(*names: str) -> None:
    """Load these templates, and what fills them in, in a thread of its own: the first landing waits 25 ms for them."""

    def load() -> None:
        for name in names:
            _environment().get_template(name)

    threading.Thread(target=load, name="templates").start()


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - 40 ms that `status` need not pay

    environment = Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
    )
    environment.filters["fenced"] = fenced
    environment.filters["cell"] = cell
    environment.filters["data"] = data
    return environment


def fenced(value: str) -> str:
    """Return `value` in a code fence that nothing in it can close, for a document.

    A conflict marker in it gets a space before it: a document that has one is refused as half merged.
    """
    return _in_fence(_MARKER.sub(r" \1", value))


def _in_fence(value: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", value)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{value.rstrip(chr(10))}\n{fence}"


def data(value: str, most: int) -> str:
    """Return text from outside as data in a prompt: safe, fenced, and cut after `most` characters, which it says."""
    clean = safe_text(value)
    cut = f"\n(cut here: {len(clean) - most:,} more characters)" if len(clean) > most else ""
    return _in_fence(clean[:most]) + cut


def cell(value: object) -> str:
    """Return `value` as one cell of a Markdown table."""
    return " ".join(str(value).split()).replace("|", "\\|") or "-"
