"""The configuration door: flags, `ORCHESTRATOR_*`, `orchestrator.toml`, the user's file, defaults, in that order."""

from orchestrator.config.keys import KINDS, PRESETS
from orchestrator.config.records import AgentConfig, Config, Setting
from orchestrator.config.resolve import load
from orchestrator.config.sources import FILE

__all__ = ["FILE", "KINDS", "PRESETS", "AgentConfig", "Config", "Setting", "load"]
