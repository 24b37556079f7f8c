"""What an attempt's folder remembers of its agent: the answer, written down before anything else is done with it."""

import json
from pathlib import Path
from typing import Any

from orchestrator.agents.protocol import Answer
from orchestrator.budget import tokens_read, tokens_said
from orchestrator.failure import Failure
from orchestrator.lock import boot_id
from orchestrator.workspace import write_whole

ENDED = "ended.json"


def noted(path: Path) -> dict[str, Any]:
    """Return what a file of ours says; nothing where it is missing, or was torn by a power cut."""
    try:
        return dict(json.loads(path.read_bytes()) or {})
    except (FileNotFoundError, ValueError):
        return {}


def write_answer(folder: Path, answer: Answer) -> None:
    """Write down what the agent of the attempt in `folder` answered."""
    said = {
        "failure": answer.failure.value if answer.failure else None,
        "detail": answer.detail,
        "code": answer.code,
        "seconds": answer.seconds,
        "result": answer.result.decode("utf-8", "replace") if answer.result is not None else None,
        "tokens": tokens_said(answer.usage),
        "micros": answer.micros,
        "sandbox": answer.sandbox,
        "boot": boot_id(),
    }
    write_whole(folder / ENDED, json.dumps(said).encode())


def read_answer(folder: Path) -> Answer:
    """Return what the agent of the attempt in `folder` answered; an interruption where it had not, or that is lost."""
    said = noted(folder / ENDED)
    if not said:
        return Answer(Failure.INTERRUPTED, "the leader was stopped while this attempt ran", None, 0.0, None)
    if said.get("boot") != boot_id():
        # Its files were never synced: a power cut may have emptied what the agent had finished.
        return Answer(Failure.INTERRUPTED, "the machine was restarted while this attempt ran", None, 0.0, None)
    return Answer(
        failure=Failure(said["failure"]) if said["failure"] else None,
        detail=said["detail"],
        code=said["code"],
        seconds=said["seconds"],
        result=said["result"].encode() if said["result"] is not None else None,
        usage=tokens_read(said.get("tokens", "")),
        micros=said.get("micros", 0),
        sandbox=str(said.get("sandbox", "")),
    )
