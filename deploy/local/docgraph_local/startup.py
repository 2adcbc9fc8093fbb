"""Starting programs in their order, each as soon as what it needs is ready, and waiting until all of them are."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from docgraph_local import readiness
from docgraph_local.airflow_env import airflow_database
from docgraph_local.deployment import Deployment
from docgraph_local.programs import Program, migration_stamp
from docgraph_local.progress import Event, Progress, StackError
from docgraph_local.supervisor import FAILED, ProcessState, Supervisor

_POLL_SECONDS = 0.2
# A server that ended this often before it was ready will not come up by itself.
_ATTEMPTS = 2


class Startup:
    """One pass of starting programs, each as soon as what it needs is ready."""

    def __init__(
        self, deployment: Deployment, wanted: Sequence[Program], supervisor: Supervisor, say: Progress, deadline: float
    ) -> None:
        self._deployment = deployment
        self._wanted = {program.name: program for program in wanted}
        self._supervisor = supervisor
        self._say = say
        self._deadline = deadline
        self._began: dict[str, float] = {}
        self._started: list[str] = []
        self._ready: set[str] = set()
        self._reasons: dict[str, str] = {}
        self._births: dict[str, set[int]] = {}

    def run(self) -> list[str]:
        """Start and await everything; return the names of what had to be started."""
        while len(self._ready) < len(self._wanted):
            states = self._supervisor.states()
            for program in self._wanted.values():
                if program.name not in self._ready and self._ready.issuperset(program.needs):
                    self._advance(program, states[program.name])
            if len(self._ready) < len(self._wanted):
                self._check_deadline()
                time.sleep(_POLL_SECONDS)
        return self._started

    def _advance(self, program: Program, state: ProcessState) -> None:
        name = program.name
        if name not in self._began:
            self._began[name] = time.monotonic()
            if state.pid is None:
                self._say(Event("starting", name))
                self._supervisor.start_program(name)
                self._started.append(name)
                return
        births = self._births.setdefault(name, set())
        if state.pid is not None:
            births.add(state.pid)
        crashed = len(births) > _ATTEMPTS or (len(births) == _ATTEMPTS and state.state == "BACKOFF")
        if crashed or state.state in FAILED or (program.one_shot and state.exit_status not in (None, 0)):
            raise StackError(self._failure(name, state))
        if program.one_shot:
            done = state.state == "EXITED"
            reason = None if done else "working"
        else:
            reason = (
                readiness.check(name, self._deployment, state.started_at if name in self._started else None)
                if state.pid is not None
                else f"is {state.state.lower()}"
            )
        seconds = time.monotonic() - self._began[name]
        if reason is None:
            if program.one_shot:
                _after(name, self._deployment)
            self._ready.add(name)
            if name in self._started:
                self._say(Event("ready", name, seconds))
        else:
            self._reasons[name] = reason
            self._say(Event("waiting", name, seconds, reason))

    def _check_deadline(self) -> None:
        if time.monotonic() < self._deadline:
            return
        missing = [name for name in self._wanted if name not in self._ready]
        told = "\n".join(
            f"  - {name}: {self._reasons.get(name, 'waits for what it needs')} (log: {self._deployment.paths.log(name)})"
            for name in missing
        )
        raise StackError(f"These did not become ready in time:\n{told}\nWhat runs goes on; `make down` ends it.")

    def _failure(self, name: str, state: ProcessState) -> str:
        log = self._deployment.paths.log(name)
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:] if log.is_file() else []
        said = "\n".join(f"    {line}" for line in tail) or f"    {state.problem or 'it printed nothing'}"
        return f"{name} ended instead of starting; the end of {log}:\n{said}"


def _after(name: str, deployment: Deployment) -> None:
    """Do what belongs to the end of a one-shot program."""
    if name != "airflow-migrate":
        return
    # Several processes write to this file at once: with a write-ahead log readers don't block the writer.
    connection = sqlite3.connect(airflow_database(deployment))
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    migration_stamp(deployment).touch()
