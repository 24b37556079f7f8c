"""Any order of verbs, a person's edits, kills and clock steps keeps the promises, and the plan can always be finished.

A short, always equal sample runs in the ordinary tests. The long run draws anew and prints how far it came:

    MODEL_STEPS=4000 python -m pytest tests/model -m slow      # about so many calls and acts

A failure prints its shortest sequence; the same command tries that one first the next time.
"""

import os
import shutil
from pathlib import Path

import injection
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Undertaking
from terminal import Warm

_STEPS = int(os.environ.get("MODEL_STEPS", "0"))
_LENGTH = 25
_QUIET = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
}


@pytest.fixture
def machine(bench: Path, warm: Warm) -> type[Undertaking]:
    """The state machine with a place to work in, a warm program and, where a compiler is, means to kill it."""
    Undertaking.folder = bench
    Undertaking.library = injection.compiled(bench) if shutil.which("cc") else None
    Undertaking.warm = warm
    return Undertaking


def test_a_few_sequences(machine: type[Undertaking]) -> None:
    short = settings(**_QUIET, max_examples=4, stateful_step_count=14, derandomize=True, database=None)
    run_state_machine_as_test(machine, settings=short)


@pytest.mark.skipif(not _STEPS, reason="MODEL_STEPS=4000 runs it, for about twenty minutes")
@pytest.mark.slow
def test_many_sequences(machine: type[Undertaking], record_property: object) -> None:
    long = settings(**_QUIET, max_examples=max(1, _STEPS // _LENGTH), stateful_step_count=_LENGTH)
    try:
        run_state_machine_as_test(machine, settings=long)
    finally:
        record_property("steps", machine.steps)
