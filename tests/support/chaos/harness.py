"""Stopping a running stage at a named place, and killing something just then."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from docgraph.settings import Settings
from docgraph_local.stack import Stack
from support.e2e.drops import wait_for
from support.integration.embedder_metrics import DOCUMENTS, texts_computed

#: Programs that can be killed beside the two kinds of task processes.
PROGRAMS = ("airflow-scheduler", "embedder", "sidecar", "redis", "neo4j", "qdrant")
TASK, WORKER = "task", "worker"


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

    def stopped_at(self, name: str, seconds: float = 180) -> int:
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
    """Return how many texts the embedder has computed for documents since it started."""
    return texts_computed(settings, DOCUMENTS)


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
