"""So many no-op tasks on plain DBOS with SQLite; usage: dbos_steps.py FOLDER COUNT STEPS.

STEPS 0: each task is a step, a hundred of them to a workflow, one after another; the least that DBOS can be asked for.
STEPS 1 and more: each task is a workflow of so many steps on a queue, 16 at once, looked for every 20 ms (DBOS's own
second would be slower).
"""

import json
import sys
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

_AT_ONCE, _LOOK, _CHUNK = 16, 0.02, 100
folder, count, steps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config: DBOSConfig = {
    "name": "bench",
    "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
    "log_level": "ERROR",
    "run_admin_server": False,
}
DBOS(config=config)


@DBOS.step()
def work(number: int) -> int:
    """Do nothing, durably."""
    return number


@DBOS.workflow()
def task(number: int) -> int:
    """Do one task, in steps."""
    return [work(number) for _ in range(steps)][-1]


@DBOS.workflow()
def chunk(first: int, last: int) -> int:
    """Do many tasks, a step each."""
    return len([work(number) for number in range(first, last)])


def queued() -> int:
    queue = DBOS.register_queue("work", worker_concurrency=_AT_ONCE, polling_interval_sec=_LOOK)
    handles = []
    for number in range(count):
        with SetWorkflowID(f"task-{number}"):
            handles.append(queue.enqueue(task, number))
    return len({handle.get_result() for handle in handles})


def chunked() -> int:
    return sum(chunk(first, min(count, first + _CHUNK)) for first in range(0, count, _CHUNK))


DBOS.launch()
done = queued() if steps else chunked()
DBOS.destroy()
print(json.dumps({"done": done}))  # noqa: T201 - this is its answer
