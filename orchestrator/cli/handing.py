"""Who makes a plan: this process, or the leader that is at work already, which is asked to."""

import threading

from orchestrator.cli.doors import LOCK
from orchestrator.cli.leading import leading
from orchestrator.clock import SystemClock
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.events import Event, Tell
from orchestrator.leader.planner.session import Made, make
from orchestrator.leader.requests import Asked, asking
from orchestrator.lock import BusyError, is_locked
from orchestrator.repo.locate import Place
from orchestrator.steps.begun import begun
from orchestrator.workspace import Folders

_HEARD = 10.0  # seconds within which a leader that plans beside its run takes a request
_LOOK = 0.1  # seconds between looks at its answer


def plan(place: Place, tell: Tell, goal: str, stop: threading.Event, *, gate: bool) -> Made:
    """Plan for `goal` here, or have the leader do it that is at work.

    Raises:
        OrchestratorError: there is no plan, or it was stopped.
    """
    while True:
        try:
            with leading(tell) as project:
                return make(project, goal, stop, gate=gate)
        except BusyError as busy:
            made = _handed_over(place, tell, goal, stop, busy, gate=gate)
        if made is not None:
            return made


def _handed_over(
    place: Place, tell: Tell, goal: str, stop: threading.Event, busy: BusyError, *, gate: bool
) -> Made | None:
    """Return what the leader made; None once nobody leads any more."""
    with asking(place.git_dir, goal, gate=gate) as asked:
        tell(Event("plan.handed", facts={"why": busy.message}))
        watched = _Watched(Folders(place.root), tell)
        clock = SystemClock()
        until = clock.monotonic() + _HEARD
        while not stop.is_set():
            led = is_locked(place.git_dir / LOCK)  # first: an answer may be a leader's last act
            made, taken = _answered(asked)
            if made is not None or not led:
                return made
            if not taken and clock.monotonic() > until:
                raise OrchestratorError(
                    f"{busy.message}, which takes no request now",
                    hint="again in a while: a run takes one once its work has begun, and any other call is soon over",
                    code=busy.code,
                )
            watched.look()
            stop.wait(_LOOK)
    raise OrchestratorError(
        "the planning was stopped",
        hint="orchestrator plan   # goes on: what was answered is kept",
        code=Exit.INTERRUPTED,
    )


def _answered(asked: Asked) -> tuple[Made | None, bool]:
    """Return what was made, and whether the leader is at it; raise what it could not do."""
    said = asked.answer()
    if said is None:
        return None, False
    if said.error is not None:
        raise said.error
    return (Made(said.commit, said.changed) if said.commit else None), True


class _Watched:
    """Tells how many answers the planning has that goes on elsewhere."""

    def __init__(self, folders: Folders, tell: Tell) -> None:
        self._folders, self._tell, self._told = folders, tell, 0

    def look(self) -> None:
        """Tell a new number."""
        found = begun(self._folders)
        if found and found.answers > self._told:
            self._told = found.answers
            self._tell(Event("plan.answered", facts={"answers": self._told}))
