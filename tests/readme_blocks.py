"""The README's own commands and examples; `<!-- run: NAME -->` before a code block is what names it."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
_BLOCK = re.compile(r"^<!-- run: ([\w-]+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, str]:
    """Return every named code block of the README."""
    return dict(_BLOCK.findall(README.read_text()))
