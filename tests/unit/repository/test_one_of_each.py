"""What shall exist once in the product does: waiting between two attempts, and putting a file in place whole."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from docgraph_local.paths import repository

ROOT = repository()
FOLDERS = ("include", "ingestion_service", "embedding_server", "cli", "deploy/local", "dags", "plugins", "config")
#: Who may sleep, and what for: all of them wait for a state. Trying again is `domain.retries`'s.
WAITING = {
    "include/docgraph/runtime/failpoints.py": "until a test lets the process go on",
    "include/docgraph/state/gate.py": "until the gate is open",
    "include/docgraph/integrity/compare.py": "until what was read stands still",
    "include/docgraph/airflow/triggers.py": "until a source has something",
    "include/docgraph/sources/folder.py": "until what nobody looked at before stood still",
    "include/docgraph/sources/http/pace.py": "until a web server may be asked again",
    "cli/ingestctl/watch.py": "until a report is written",
    "cli/ingestctl/operations.py": "until a service that is followed is back",
    "cli/ingestctl/commands/reembed.py": "until a move has ended",
    "deploy/local/docgraph_local/startup.py": "until programs are ready",
    "deploy/local/docgraph_local/launch.py": "until processes of an earlier scheduler have ended",
    "deploy/local/docgraph_local/supervisor.py": "until programs have started or stopped",
    "deploy/local/docgraph_local/stack.py": "until stores are ready and DAGs parsed",
    "deploy/local/qdrant_local/upkeep.py": "between two rounds of upkeep",
}
#: Who puts bytes on the disk for good.
DURABLE = {
    "include/docgraph/stores/blobs/local.py": "the one atomic write of docgraph",
    "deploy/local/qdrant_local/store.py": "stands for a server that knows nothing of docgraph",
    "deploy/local/qdrant_local/wal.py": "stands for a server that knows nothing of docgraph",
}


@cache
def called() -> dict[str, frozenset[str]]:
    """The names of what each of the product's files calls; read once for all that is asked."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            names = frozenset(_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
            found[path.relative_to(ROOT).as_posix()] = names
    return found


def calls(name: str) -> list[str]:
    """Return the product's files that call a function or method of this name."""
    return [file for file, names in called().items() if name in names]


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@pytest.mark.parametrize(("function", "allowed"), [("sleep", WAITING), ("fsync", DURABLE)])
def test_only_these_files_sleep_and_only_these_write_for_good(function: str, allowed: dict[str, str]) -> None:
    assert set(calls(function)) == set(allowed), "try again with RetryPolicy, write files with stores.blobs.local"
    assert all(Path(ROOT / name).is_file() for name in allowed)
