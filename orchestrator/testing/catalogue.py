"""The endpoints of models."""

from orchestrator.testing.call import Answer, Call, page
from orchestrator.testing.checks import known
from orchestrator.testing.models import MODELS


def listed(call: Call) -> Answer:
    """`GET /v1/models`, newest first."""
    wanted = set(call.query.get("lifecycle", ()))
    return page([model.info() for model in MODELS.values() if not wanted or model.lifecycle in wanted], call)


def retrieved(call: Call) -> Answer:
    """`GET /v1/models/{id}`."""
    return Answer.of(known(call.path.rsplit("/", 1)[-1]).info())
