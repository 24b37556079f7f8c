"""The live view: a bar, a row per agent at work and the latest lines, drawn on a terminal from a timer."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.events import Event, Tell
from orchestrator.plaintext import safe_text
from orchestrator.views.board import Board
from orchestrator.views.plain_lines import line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_TICK = 0.25  # seconds between two frames, however many events come
_ROWS = 32  # a frame of 256 rows costs 57 ms, and no terminal shows them


@contextmanager
def watching(board: Board, console: "Console | None" = None) -> Iterator[Tell]:
    """Show what is told on stderr while the block runs; the last frame is taken away at the end."""
    from rich.console import Console  # noqa: PLC0415 - 60 ms that only a terminal pays
    from rich.live import Live  # noqa: PLC0415

    console = console or Console(stderr=True, highlight=False)
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
    painter = _Painter(board, live)

    def tell(event: Event) -> None:
        board.take(event)
        if words := line(event):
            painter.lines.append(words)

    thread = threading.Thread(target=painter.paint, name="live view", daemon=True)
    with live:
        thread.start()
        try:
            yield tell
        finally:
            painter.over.set()
            thread.join()


class _Painter:
    """Draws until it is over. A terminal that went away ends the drawing, never the run."""

    def __init__(self, board: Board, live: "Live") -> None:
        self.lines: deque[str] = deque()
        self.over = threading.Event()
        self._board = board
        self._live = live

    def paint(self) -> None:
        """Draw a frame per tick, and a last one."""
        try:
            while not self.over.wait(_TICK):
                self._frame()
            self._frame()
        except OSError:
            self.over.set()

    def _frame(self) -> None:
        from rich.text import Text  # noqa: PLC0415

        fresh = [self.lines.popleft() for _ in range(len(self.lines))]
        # rich hands control characters through, also those of a Text: nothing unsafe may reach it.
        self._live.update(picture(self._board))
        if fresh:
            self._live.console.print(Text(safe_text("\n".join(fresh))))
        self._live.refresh()


def picture(board: Board) -> "RenderableType":
    """Return one frame: the bar first, because a low terminal cuts off what stands below."""
    from rich.console import Group  # noqa: PLC0415
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    total = max(board.total, board.done)
    head = Table.grid(padding=(0, 1))
    head.add_row(ProgressBar(total=max(total, 1), completed=board.done, width=24), Text(summary(board)))
    rows = Table.grid(padding=(0, 2))
    at_work = board.rows()
    for row in at_work[:_ROWS]:
        quiet = f"silent {span(row.quiet)}"
        rows.add_row(
            Text(f"  {row.who}", no_wrap=True), Text(row.agent), Text(span(row.elapsed)), Text(quiet), Text(row.doing)
        )
    if len(at_work) > _ROWS:
        rows.add_row(Text(f"  and {len(at_work) - _ROWS} more"))
    return Group(head, rows)


def summary(board: Board) -> str:
    """Return the line beside the bar."""
    parts = [f"{board.done}/{max(board.total, board.done)} done" if board.total else "starting"]
    parts += [f"{board.dead} dead"] if board.dead else []
    parts += [span(board.elapsed())]
    parts += [f"checkpoint {board.checkpoint}"] if board.checkpoint else []
    parts += [f"verifying {board.verifying}"] if board.verifying else []
    return "  ".join(parts)


def span(seconds: float) -> str:
    """Return a duration as people read it: `7s`, `3m07s`, `2h05m`."""
    whole = int(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole}s"
    if whole < 3600:  # noqa: PLR2004 - an hour
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
