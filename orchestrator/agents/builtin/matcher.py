"""The program that searches for `grep`, in a process of its own that a time limit can end. Imports nothing of ours."""

import json
import re
import sys

_WIDE = 300  # characters of a line


def main() -> int:
    """Read what is wanted from stdin, print what is found; 2 for no regular expression."""
    wanted = json.load(sys.stdin)
    try:
        expression = re.compile(wanted["pattern"], re.IGNORECASE if wanted["fold"] else 0)
    except (re.error, RecursionError, OverflowError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    count = 0
    for path, text in wanted["files"]:
        for number, line in enumerate(text.split("\n"), 1):
            if expression.search(line):
                count += 1
                if count <= wanted["most"]:
                    shown = line.rstrip("\r")[:_WIDE] + ("…" if len(line) > _WIDE else "")
                    sys.stdout.buffer.write(f"{path}:{number}: {shown}\n".encode("utf-8", "replace"))
    if count > wanted["most"]:
        sys.stdout.write(f"(and {count - wanted['most']:,} more lines)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
