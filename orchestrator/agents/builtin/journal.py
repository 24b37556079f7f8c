"""The turns of one attempt on the disk: a line for each thing that happened, there before the next thing starts."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.workspace import naming, sync_folder

NAME = "turns.jsonl"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC

Record = Mapping[str, Any]


class DamagedError(Exception):
    """A line that is not the last cannot be read."""


@dataclass(frozen=True)
class Journal:
    """One attempt's file of turns."""

    path: Path

    def read(self) -> list[Record]:
        """Return the records, oldest first; the beginning of one that a kill cut short is taken away.

        Raises:
            DamagedError: a line is none of ours.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.path, whole)
        found: list[Record] = []
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                record = json.loads(line)
                found.append({"kind": str(record["kind"]), **record})
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise DamagedError(f"{self.path}:{number}: not a turn") from error
        return found

    def add(self, record: Record) -> None:
        """Write a record down; it is on the disk when this returns.

        Raises:
            OSError: the disk is full, or fails.
        """
        fresh = not self.path.exists()
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        with naming(self.path), os.fdopen(os.open(self.path, _FLAGS, 0o644), "wb", buffering=0) as file:
            left = memoryview(line)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        if fresh:
            sync_folder(self.path.parent)
