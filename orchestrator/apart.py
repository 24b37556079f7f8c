"""A child in a process group of its own, out of reach of what a terminal sends to everyone in ours."""

import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

_TO_THE_GROUP = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}  # any other would end the next one, too
_FORKED_ONLY = 0x40  # Linux, sched.h, PF_FORKNOEXEC: it has run no program since its fork
_FLAGS = 6  # proc(5), of the fields of `stat` after the name, which may hold anything


def apart(start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    """Return a child that is at its program; one that a signal ended before that is started anew.

    Ctrl-C is sent to a terminal's whole foreground group, and a child belongs to it from its fork until it leaves. What
    is sent to it there ends it where Python starts it with vfork (Linux), and it looks as if its program had ended.

    Args:
        start: starts the child, with `process_group=0` or `start_new_session=True`.

    Raises:
        OSError: it cannot be started.
    """
    while _never_began(child := start()) and -child.wait() in _TO_THE_GROUP:
        child.communicate()  # closes its pipes
    return child


def _never_began(child: Popen[bytes]) -> bool:
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_bytes()
    except OSError:  # another system
        return False
    return bool(int(stat.rpartition(b")")[2].split()[_FLAGS]) & _FORKED_ONLY)
