"""The processes that carry an attempt's mark, as the process table has them now."""

import psutil


def marked(token: str) -> list[psutil.Process]:
    """Every living process whose mark starts with `token`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ORCHESTRATOR_TOKEN", "").startswith(token):
                found.append(process)
        except psutil.Error:
            continue
    return found


def waiting(token: str, argv: list[str]) -> int:
    """How many of them run exactly this command."""
    count = 0
    for process in marked(token):
        try:
            count += process.cmdline() == argv
        except psutil.Error:
            continue
    return count
