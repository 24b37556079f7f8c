"""The local engine: attempts in threads of this process."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

from orchestrator.repo.attempts import Attempt
from orchestrator.steps.dispatch import Order, Paused


@dataclass(frozen=True)
class Delivery:
    """What an engine hands back: the recorded attempt, one that can go on, none that had begun, or an error."""

    order: Order
    attempt: Attempt | Paused | None
    error: Exception | None = None


@dataclass
class LocalEngine:
    """Runs `carry_out` for each order, at most `jobs` at once, and puts the deliveries into `inbox`."""

    jobs: int
    carry_out: Callable[[Order, threading.Event], Attempt | Paused | None]
    inbox: SimpleQueue[object]
    _cancels: dict[str, threading.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the pool."""
        self._pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="attempt")

    def submit(self, order: Order) -> None:
        """Start `order` as soon as a thread is free."""
        cancel = self._cancels[order.task] = threading.Event()
        self._pool.submit(self._deliver, order, cancel)

    def _deliver(self, order: Order, cancel: threading.Event) -> None:
        try:
            attempt = self.carry_out(order, cancel)
        except Exception as error:  # noqa: BLE001 - a thread's error must reach the leader, which raises it
            delivery = Delivery(order, None, error)
        else:
            delivery = Delivery(order, attempt)
        self._cancels.pop(order.task)  # before the leader hears of it, and may submit the next attempt
        self.inbox.put(delivery)

    def cancel(self, task: str) -> None:
        """Stop the attempt of `task`; it is still delivered, as interrupted."""
        cancel = self._cancels.get(task)  # one look: the attempt may end meanwhile
        if cancel is not None:
            cancel.set()

    def close(self) -> None:
        """Cancel what runs and wait for it."""
        for cancel in list(self._cancels.values()):
            cancel.set()
        self._pool.shutdown(wait=True)
