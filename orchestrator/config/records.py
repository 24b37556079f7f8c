"""The configuration as the rest of the program sees it: a field for each key, every value checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.budget import Limits, micros


@dataclass(frozen=True)
class AgentConfig:
    """One `[agents.NAME]` table; times in seconds, 0 or less means no limit."""

    name: str
    kind: str = "command"
    command: tuple[str, ...] = ()
    script: str = ""
    timeout: float | None = None
    idle: float | None = None
    env: tuple[str, ...] = ()
    model: str = ""
    effort: str = ""
    format: str = ""
    allow: tuple[str, ...] = ()
    turns: int = 200
    sandbox: str = "best"


@dataclass(frozen=True)
class Config:
    """Everything that can be configured; every value has a default. Times are in seconds, budgets in US dollars."""

    name: str
    phases: tuple[str, ...]
    worker: str
    planner: str
    reading: int
    reviewer: str
    resolver: str
    review_phases: tuple[str, ...]
    agents: Mapping[str, AgentConfig]
    verify: str
    setup: str
    copy: tuple[str, ...]
    link: tuple[str, ...]
    verify_timeout: float
    verify_sandbox: str
    verify_env: tuple[str, ...]
    jobs: int
    attempts: int
    retries: int
    timeout: float
    idle: float
    backoff: float
    budget: float
    task_budget: float
    call_budget: float
    reserve: float
    drain: float
    logs: int
    every: str | int
    keep: int

    @property
    def limits(self) -> Limits:
        """What models may cost."""
        return Limits(micros(self.budget), micros(self.task_budget), micros(self.call_budget), micros(self.reserve))


@dataclass(frozen=True)
class Setting:
    """One resolved key: its value, and where it came from."""

    key: str
    value: object
    origin: str
