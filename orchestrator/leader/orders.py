"""Orders: an attempt to be made, from the spec, the configuration and what earlier attempts learnt."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from orchestrator.agents.protocol import Agent
from orchestrator.agents.roster import pick
from orchestrator.config import Config
from orchestrator.documents.result import Result
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.leader.docket import Docket
from orchestrator.plaintext import one_line
from orchestrator.policy import Moment
from orchestrator.steps.chapter import read_stamp
from orchestrator.steps.dispatch import Order
from orchestrator.steps.standing import CHECKPOINTS, SPECS, spec_path

# A worktree shows the whole tree, but for the papers of a plan so long that they would be most of each checkout.
_MANY = 500
_PAPERS = (f"{SPECS}*.md", f"{CHECKPOINTS}*.md")


def asked(task: str, spec: Spec) -> str:
    """Return where a spec names its agent, as `file:line`."""
    field = spec.text.meta("Agent")
    return f"{spec_path(task)}:{field.line}" if field else spec_path(task)


def order(docket: Docket, config: Config, agents: Mapping[str, Agent], task: str) -> Order:
    """Return the next attempt at `task`.

    Raises:
        OrchestratorError: the spec asks for an agent that is not configured.
    """
    now = docket.now
    spec = now.plan.specs[task]
    agent = pick(agents, config, spec.agent, asked(task, spec))
    own = config.agents[agent.name]
    return Order(
        task=task,
        number=docket.number(task),
        base=now.commit,
        spec=spec,
        spec_id=now.spec_ids[task],
        agent=agent,
        timeout=_limit(spec.timeout, own.timeout, config.timeout),
        idle=_limit(own.idle, config.idle),
        earlier=docket.told(task),
        hidden=_PAPERS if len(now.plan.tasks) > _MANY else (),
        handoffs=handoffs(now.plan.tasks[task].after, now.results),
    )


def before(orders: Sequence[Order], state: State, now: datetime) -> Moment:
    """Return the moment before so many orders are given out, as the checkpoint policy looks at it."""
    started = read_stamp(state.started) or now
    return Moment(
        delegating=len(orders) > 1,
        risky_next=any(each.spec.risky for each in orders),
        elapsed=(now - started).total_seconds() / 60,
    )


def _limit(*seconds: float | None) -> float | None:
    """Return the first limit that is set; 0 means none."""
    return next((limit for limit in seconds if limit is not None), 0.0) or None


def handoffs(after: Sequence[str], known: Mapping[str, Result]) -> list[str]:
    """Return what the tasks named in `after` have to say to the one that comes after them, one line each."""
    results = {name: known[name] for name in after if name in known}
    return [
        f"{name}: {one_line('; '.join((*result.files, *result.decisions)), 300)}" for name, result in results.items()
    ]
