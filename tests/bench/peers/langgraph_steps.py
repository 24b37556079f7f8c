"""So many no-op tasks on LangGraph with its SQLite saver; usage: langgraph_steps.py FOLDER COUNT STEPS.

A thread of the graph for each task, with so many nodes in a row; 16 at once, and each checkpoint is written before the
next step starts (`durability="sync"`).
"""

import json
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

_AT_ONCE = 16
folder, count, steps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


class State(TypedDict):
    """What a task carries."""

    number: int


graph = StateGraph(State)
names = [f"step-{number}" for number in range(steps)]
for name in names:
    graph.add_node(name, lambda state: state)
for before, after in pairwise([START, *names, END]):
    graph.add_edge(before, after)
saver = SqliteSaver(sqlite3.connect(folder / "langgraph.sqlite", check_same_thread=False))
app = graph.compile(checkpointer=saver)


def work(number: int) -> int:
    """Carry out one task."""
    config = {"configurable": {"thread_id": f"task-{number}"}}
    return app.invoke({"number": number}, config, durability="sync")["number"]


with ThreadPoolExecutor(_AT_ONCE) as pool:
    done = len(set(pool.map(work, range(count))))
print(json.dumps({"done": done}))  # noqa: T201 - this is its answer
