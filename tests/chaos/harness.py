"""Stopping a running stage at a named place, killing something just then, and writing down where each kill landed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil
from e2e.drops import wait_for

from docgraph.settings import Settings
from docgraph_local.stack import Stack

#: Programs that can be killed beside the two kinds of task processes.
PROGRAMS = ("airflow-scheduler", "embedder", "sidecar", "redis", "neo4j", "qdrant")
TASK, WORKER = "task", "worker"
_TEXTS = re.compile(r'^docgraph_embedder_texts_total\{lane="bulk"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Failpoints:
    """The failpoints of the running stack: the file that arms them, and the markers of the processes they stopped."""

    home: Path

    def arm(self, spec: str) -> None:
        """Arm failpoints (`embed.after_batch:3=pause`) in every process of the stack."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        draft.write_text(spec, encoding="utf-8")
        draft.replace(self._file)

    def disarm(self) -> None:
        """Let every process pass from now on; what is stopped stays stopped."""
        self._file.unlink(missing_ok=True)

    def stopped_at(self, name: str, seconds: float = 90) -> int:
        """Wait until a process has stopped at the place; return its id."""

        def found() -> int | None:
            try:
                return int(self._marker(name).read_text(encoding="utf-8"))
            except (FileNotFoundError, ValueError):
                return None

        return wait_for(found, f"a task stops at {name}", seconds)

    def release(self, name: str) -> None:
        """Let the process that stopped at the place go on."""
        self._marker(name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Disarm, and let go whatever is stopped."""
        self.disarm()
        for marker in (self.home / "run" / "failpoints").glob("*.hit"):
            marker.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.home / "run" / "failpoint"

    def _marker(self, name: str) -> Path:
        return self.home / "run" / "failpoints" / f"{name}.hit"


@dataclass(frozen=True)
class Killer:
    """Ends processes of the running stack by kill -9."""

    stack: Stack

    def kill(self, victim: str, task: int) -> int:
        """Kill the stopped task process, the executor's worker above it, or a program; return the id of what was killed."""
        if victim == TASK:
            os.kill(task, signal.SIGKILL)
            return task
        if victim == WORKER:
            worker = psutil.Process(task).parent()
            assert worker is not None
            assert worker.ppid() == self.stack.pid("airflow-scheduler"), (
                "the task's parent is no worker of the scheduler"
            )
            worker.kill()
            return worker.pid
        return self.stack.kill(victim)

    def await_back(self, victim: str, killed: int) -> None:
        """Wait until a killed program is ready again."""
        if victim in PROGRAMS:
            self.stack.await_ready(victim, 90, not_pid=killed)


def embedded_texts(settings: Settings) -> int:
    """Return how many texts the embedder has computed for documents since it started (queries have a lane of their own)."""
    address = settings.embeddings_url.removesuffix("/v1") + "/metrics"
    metrics = httpx.get(address, trust_env=False, timeout=10).raise_for_status().text
    # The lane has no line before its first text.
    found = _TEXTS.search(metrics)
    return int(float(found.group(1))) if found else 0


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@dataclass(frozen=True)
class Landing:
    """One cell of the matrix: what was killed where, and how it went on."""

    victim: str
    place: str
    pid: int
    outcome: str
    seconds_to_recover: float
    job_attempts: int
    sections: int
    texts_embedded: int


class Matrix:
    """The table of landings; cells of earlier sessions stay until they are run again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cells: dict[str, Landing] = {}
        with contextlib.suppress(FileNotFoundError):
            rows = json.loads((folder / "matrix.json").read_text(encoding="utf-8"))["cells"]
            self._cells = {self._key(cell): cell for cell in (Landing(**row) for row in rows)}

    def add(self, landing: Landing) -> None:
        """Take a landing in and write both files."""
        self._cells[self._key(landing)] = landing
        cells = [self._cells[key] for key in sorted(self._cells)]
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"schema_version": 1, "cells": [asdict(cell) for cell in cells]}, indent=2)
        (self._folder / "matrix.json").write_text(text + "\n", encoding="utf-8")
        (self._folder / "matrix.md").write_text(self._markdown(cells), encoding="utf-8")

    @staticmethod
    def _key(cell: Landing) -> str:
        return f"{cell.place} {cell.victim}"

    @staticmethod
    def _markdown(cells: list[Landing]) -> str:
        rows: list[Callable[[Landing], object]] = [
            lambda cell: cell.place,
            lambda cell: cell.victim,
            lambda cell: cell.outcome,
            lambda cell: f"{cell.seconds_to_recover:.1f}",
            lambda cell: cell.job_attempts,
            lambda cell: f"{cell.texts_embedded} of {cell.sections}",
        ]
        lines = [
            "# Where each kill landed\n",
            "| stopped at | killed (kill -9) | outcome | seconds to the end of the job | attempts | texts embedded |",
            "| --- | --- | --- | ---: | ---: | ---: |",
            *("| " + " | ".join(str(row(cell)) for row in rows) + " |" for cell in cells),
        ]
        return "\n".join(lines) + "\n"
