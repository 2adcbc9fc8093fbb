"""Loads, once in the scheduler, what every task would else load for itself: tasks are forked from it and share the memory.

Airflow imports this module in each of its processes, because `config/` is on their PYTHONPATH. Elsewhere than in the
scheduler it does nothing. That it ran is recorded in `$DOCGRAPH_HOME/run/preload.json`, since Airflow ignores a missing
module of this name silently.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

__all__: list[str] = []

_MODULES = (
    "airflow.sdk",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.supervisor",
    "neo4j",
    "redis",
    "qdrant_client",
    "httpx",
    "numpy",
    "docgraph",
)


def preload() -> list[str]:
    """Import the heavy modules that are installed; return the names of those that were loaded.

    A module that can't be imported is named on standard error and left to the task, whose failure says more.
    """
    loaded = []
    for name in (*_MODULES, *_own_modules()):
        try:
            importlib.import_module(name)
        except ImportError as error:
            sys.stderr.write(f"docgraph: {name} is not preloaded: {error}\n")
        else:
            loaded.append(name)
    return loaded


def _own_modules() -> list[str]:
    spec = importlib.util.find_spec("docgraph")
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    return [
        ".".join(("docgraph", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        for root in roots
        for path in sorted(root.rglob("*.py"))
    ]


def _record(modules: list[str], seconds: float) -> None:
    home = os.environ.get("DOCGRAPH_HOME")
    if not home:
        return
    path = Path(home) / "run" / "preload.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"pid": os.getpid(), "seconds": round(seconds, 3), "modules": modules}), encoding="utf-8"
    )


if "scheduler" in sys.argv[1:2]:
    _began = time.monotonic()
    _record(preload(), time.monotonic() - _began)
