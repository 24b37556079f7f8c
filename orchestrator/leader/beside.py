"""Planning beside a run: what another process asks for is planned in a thread, and put down between two turns."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.leader.inbox import Planned
from orchestrator.leader.requests import Answer, Request, answer, requested
from orchestrator.plaintext import one_line
from orchestrator.repo.index_lock import NotNowError
from orchestrator.steps.project import Project

if TYPE_CHECKING:
    import queue

    from orchestrator.leader.planner.session import Drawn, Made


@dataclass
class PlanningBeside:
    """At most one planning, for the request that is there.

    Args:
        project: the doors.
        inbox: where a plan arrives that has been drawn.
    """

    project: Project
    inbox: "queue.SimpleQueue[object]"
    _request: Request | None = None
    _thread: threading.Thread | None = None
    _cancel: threading.Event = field(default_factory=threading.Event)
    _drawn: "Drawn | None" = None
    _times: int = 0
    _answered: str = ""

    @property
    def busy(self) -> bool:
        """Whether something is being planned, or waits to be put down."""
        return self._request is not None

    def look(self) -> None:
        """Begin with what is asked for; end what is not wanted any more."""
        wanted = requested(self.project.place.git_dir)
        if self._request is None:
            if wanted is not None and wanted.token != self._answered:
                self._begin(wanted)
        elif wanted is None or wanted.token != self._request.token:
            self.stop()

    def stop(self) -> None:
        """End the planning: what was answered is kept, and whoever asked goes on with it once nobody leads."""
        self._cancel.set()
        if self._drawn is not None:
            self._request = self._drawn = None

    def close(self) -> None:
        """End the planning, and wait for that."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def take(self, planned: Planned) -> Exception | None:
        """Keep a plan that has been drawn until it is put down; return an error that is more than "no plan"."""
        self._drawn = planned.drawn
        if self._cancel.is_set():
            self._request = self._drawn = None
        elif planned.error is not None:
            self._say(error=planned.error)
            return None if isinstance(planned.error, OrchestratorError) else planned.error
        return None

    def put_down(self, running: Sequence[str]) -> bool:
        """Commit the plan that is ready, if there is one; True when that moved the branch.

        Raises:
            NotNowError: a person is in the middle of something; the plan waits.
        """
        if self._drawn is None or self._request is None:
            return False
        from orchestrator.leader.planner import session  # noqa: PLC0415 - only who plans pays for it

        try:
            made = session.put_down(self.project, self._drawn, gate=self._request.gate, running=running)
        except NotNowError:
            raise
        except OrchestratorError as error:
            self._say(error=error)
            return False
        self._drawn = None
        if made is not None:
            self._say(made)
        elif self._times < session.DRAWN:
            self._draw(self._request)
        else:
            self._say(error=session.overtaken())
        return made is not None

    def _begin(self, wanted: Request) -> None:
        from orchestrator.leader.planner import session  # noqa: PLC0415 - only who plans pays for it

        made = session.waiting(self.project, wanted.goal)
        self._request, self._times, self._cancel = wanted, 0, threading.Event()
        if made is not None:
            self._say(made)
            return
        self.project.say("plan.asked", goal=one_line(wanted.goal))
        answer(self.project.place.git_dir, Answer(wanted.token))
        self._draw(wanted)

    def _draw(self, wanted: Request) -> None:
        from orchestrator.leader.planner import session  # noqa: PLC0415 - only who plans pays for it

        self._times += 1
        cancel = self._cancel

        def work() -> None:
            try:
                planned = Planned(session.draw(self.project, wanted.goal, cancel))
            except Exception as error:  # noqa: BLE001 - a thread's error must reach the leader, which says it
                planned = Planned(error=error)
            self.inbox.put(planned)

        self._thread = threading.Thread(target=work, name="planning")
        self._thread.start()

    def _say(self, made: "Made | None" = None, error: Exception | None = None) -> None:
        """Answer the request, and be free for the next."""
        asked, self._request, self._drawn = self._request, None, None
        if asked is None:
            return
        self._answered = asked.token
        if made is not None:
            said = Answer(asked.token, made.commit, made.changed)
        else:
            self.project.say("plan.failed", why=one_line(str(error)))
            said = Answer(
                asked.token, error=error if isinstance(error, OrchestratorError) else OrchestratorError(repr(error))
            )
        answer(self.project.place.git_dir, said)
