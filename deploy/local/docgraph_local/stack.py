"""The local stack as one object: up, down, status, and what tests need to hurt it.

*What* is started is in `programs`, in which order in `startup`, *how* in `supervisor`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from docgraph.domain.errors import ConfigurationError
from docgraph_local import orphans, preflight, readiness
from docgraph_local.deployment import EXTERNAL_VARIABLES, Deployment, read_deployment, store_deployment
from docgraph_local.paths import Paths, write_private
from docgraph_local.programs import SERVICES, STORES, Program, programs, server_files
from docgraph_local.progress import Event, Progress, StackError, silent
from docgraph_local.startup import Startup
from docgraph_local.status import ProgramStatus, describe, describe_external
from docgraph_local.supervisor import UNSUPERVISED, ProcessState, Supervisor, SupervisorError, write_configuration

START_SECONDS = 240.0
_POLL_SECONDS = 0.2
_EXTERNAL_SECONDS = 10.0
_DAGS_SECONDS = 60.0

__all__ = ["Event", "ProgramStatus", "Stack", "StackError", "UpResult"]


@dataclass(frozen=True, slots=True)
class UpResult:
    """What `up` did: the programs it had to start (none = the stack ran already) and how long it took."""

    started: tuple[str, ...]
    ended_orphans: int
    seconds: float

    @property
    def unchanged(self) -> bool:
        """Whether everything ran already."""
        return not self.started


class Stack:
    """The local stack of one home folder."""

    def __init__(
        self,
        home: Path | None = None,
        port_base: int | None = None,
        only: Sequence[str] = tuple(SERVICES),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Name the stack of `home` (default DOCGRAPH_HOME); `only` limits `up` to some services of `programs.SERVICES`.

        Raises:
            ConfigurationError: `only` names an unknown service, or the environment holds an unusable value.
        """
        unknown = sorted(set(only) - set(SERVICES))
        if unknown:
            raise ConfigurationError(f"Unknown service {', '.join(unknown)}; there are {', '.join(SERVICES)}.")
        self.only = tuple(only)
        self._home = home
        self._port_base = port_base
        self._environ = dict(os.environ if environ is None else environ)
        self.paths: Paths = read_deployment(home, port_base, self._environ).paths
        self._supervisor = Supervisor(self.paths)

    @property
    def running(self) -> bool:
        """Whether the stack's supervisor lives."""
        return self._supervisor.pid() is not None

    @property
    def supervisor_pid(self) -> int | None:
        """The process id of the stack's supervisor, whether or not it answers; None where there is none."""
        return self._supervisor.pid()

    @property
    def unsupervised(self) -> dict[str, int]:
        """The process ids of programs that run while no supervisor answers for them, by name: nothing restarts these."""
        return (
            {} if self._known() is not None else {name: state.pid for name, state in self._left().items() if state.pid}
        )

    def deployment(self) -> Deployment:
        """Return the settings as the last `up` decided them (before the first `up`: as it would)."""
        return read_deployment(
            self._home, self._port_base, self._environ, frozenset(self._record().get("external", []))
        )

    def env(self) -> dict[str, str]:
        """Return the variables with which clients reach this stack."""
        return self.deployment().variables

    def up(self, progress: Progress | None = None, timeout: float = START_SECONDS) -> UpResult:
        """Start what isn't running and wait until all of it is ready; changes nothing when everything is.

        Raises:
            StackError: the machine lacks something, or a service did not become ready within `timeout` seconds.
        """
        say = progress or silent
        began = time.monotonic()
        self.paths.create()
        with self._locked():
            deployment = read_deployment(self._home, self._port_base, self._environ)
            # Before anything is started: passwords that a crash must not lose.
            store_deployment(deployment)
            alive = self.running
            services = set(self.only) | (set(self._record().get("services", [])) if alive else set())
            ended = 0 if alive else self._end_orphans(deployment, say)
            wanted = programs(deployment, services)
            running = frozenset(self._running_services()) if alive else frozenset()
            self._inspect(deployment, services, running, say)
            self._prepare_files(deployment, services, wanted)
            self._take_over(wanted, alive, say)
            self._remember(deployment, services, wanted)
            started = Startup(deployment, wanted, self._supervisor, say, began + timeout).run()
            self._remember(deployment, services, wanted)
            self._await_external(deployment, services, say)
            if "airflow" in services:
                self._finish_airflow(deployment, say, fresh=any(name.startswith("airflow-") for name in started))
        return UpResult(tuple(started), ended, time.monotonic() - began)

    def down(self, progress: Progress | None = None) -> int:
        """End every process of the stack, keep its data; return how many processes had to be ended beside the supervisor's.

        Raises:
            StackError: a process survived.
        """
        say = progress or silent
        if not self.paths.run.is_dir():
            return 0
        with self._locked():
            deployment = self.deployment()
            if self.running:
                self._stop_in_order(deployment, say)
                self._supervisor.shutdown()
                say(Event("stopped", "supervisor"))
            left = self._end_orphans(deployment, say)
            survivors = orphans.find(deployment.secrets.stack_id)
            if survivors:
                listed = ", ".join(str(process.pid) for process in survivors)
                raise StackError(f"These processes of the stack could not be ended: {listed}; end them by hand.")
            for path in (self.paths.record, self.paths.supervisor_pid, self.paths.socket, self.paths.preload_record):
                path.unlink(missing_ok=True)
        return left

    def clean(self, progress: Progress | None = None) -> list[Path]:
        """End the stack and remove its data, logs and passwords; return the removed paths. Foreign files stay."""
        self.down(progress)
        paths = self.paths
        mine = [paths.home / "data", paths.logs, paths.airflow_home, paths.run, paths.env_file, paths.secrets_file]
        removed = [path for path in mine if path.exists()]
        for path in removed:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if paths.socket.parent != paths.run and paths.socket.parent.is_dir():
            shutil.rmtree(paths.socket.parent)
        for folder in (paths.own_dags, paths.home):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        return removed

    def status(self) -> list[ProgramStatus]:
        """Return the state and health of every program that belongs to the stack, whether or not a supervisor still keeps it."""
        deployment = self.deployment()
        known = self._known()
        states = self._left() if known is None else known
        described = [p for p in programs(deployment, self._record().get("services", self.only)) if not p.one_shot]
        with ThreadPoolExecutor(max_workers=8) as pool:
            own = list(pool.map(lambda p: describe(p, deployment, states.get(p.name)), described))
            foreign = list(pool.map(lambda store: describe_external(store, deployment), sorted(deployment.external)))
        return own + foreign

    def pid(self, program: str) -> int | None:
        """Return the process id of a program, None when it doesn't run."""
        if not self.running:
            return None
        states = self._supervisor.states()
        if program not in states:
            raise ConfigurationError(f"Unknown program {program!r}; there are {', '.join(sorted(states))}.")
        return states[program].pid

    def kill(self, program: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal, by default kill -9, to the process of a program; return its process id.

        Raises:
            StackError: the program isn't running.
        """
        pid = self.pid(program)
        if pid is None:
            raise StackError(f"{program} is not running, so there is nothing to kill; see `make status`.")
        os.kill(pid, number)
        return pid

    def await_ready(self, program: str, timeout: float = 60.0, not_pid: int | None = None) -> int:
        """Wait until a program (another process than `not_pid`, after a kill) is ready; return its process id.

        Raises:
            StackError: it wasn't within `timeout` seconds.
        """
        deployment, reason = self.deployment(), "not started"
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            state = self._supervisor.states()[program]
            if state.pid is not None and state.pid != not_pid:
                answer = readiness.check(program, deployment, state.started_at)
                if answer is None:
                    return state.pid
                reason = answer
            time.sleep(_POLL_SECONDS)
        raise StackError(
            f"{program} was not ready within {timeout:.0f} s ({reason}); its log is {self.paths.log(program)}."
        )

    def _inspect(self, deployment: Deployment, services: set[str], running: frozenset[str], say: Progress) -> None:
        findings = preflight.inspect(deployment, services, running)
        fatal = [finding.message for finding in findings if finding.fatal]
        if fatal:
            raise StackError("The stack can't start here:\n" + "\n".join(f"  - {message}" for message in fatal))
        for finding in findings:
            say(Event("note", "preflight", detail=finding.message))

    def _running_services(self) -> set[str]:
        states = self._supervisor.states()
        return {
            service
            for service, names in SERVICES.items()
            if any(name in states and states[name].pid is not None for name in names)
        }

    def _known(self) -> dict[str, ProcessState] | None:
        """What the supervisor knows of each program; None where there is none, or it doesn't answer."""
        try:
            return self._supervisor.states() if self.running else None
        except SupervisorError:
            return None

    def _left(self) -> dict[str, ProcessState]:
        """The programs whose processes are found by their mark, as they outlived their supervisor."""
        found = orphans.programs(orphans.find(self.deployment().secrets.stack_id))
        states = {}
        for name, process in found.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                states[name] = ProcessState(name, UNSUPERVISED, process.pid, process.create_time(), None, "")
        return states

    def _end_orphans(self, deployment: Deployment, say: Progress) -> int:
        recorded = {int(pid): float(born) for pid, born in self._record().get("processes", {}).items()}
        left = orphans.find(deployment.secrets.stack_id, recorded)
        if left:
            say(Event("note", "orphans", detail=f"ending {len(left)} processes that no supervisor keeps any more"))
            orphans.end(left, patient=STORES)
        return len(left)

    def _prepare_files(self, deployment: Deployment, services: set[str], wanted: Sequence[Program]) -> None:
        for program in wanted:
            program.directory.mkdir(parents=True, exist_ok=True)
        for path, text in server_files(deployment, services).items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                write_private(path, text)

    def _take_over(self, wanted: Sequence[Program], alive: bool, say: Progress) -> None:
        changed = write_configuration(self.paths, wanted)
        if not alive:
            say(Event("starting", "supervisor"))
            began = time.monotonic()
            self._supervisor.start()
            say(Event("ready", "supervisor", time.monotonic() - began))
        elif changed:
            self._supervisor.update()

    def _await_external(self, deployment: Deployment, services: set[str], say: Progress) -> None:
        for store in sorted(deployment.external & services):
            began = time.monotonic()
            while (reason := readiness.check(store, deployment, None)) is not None:
                if time.monotonic() - began > _EXTERNAL_SECONDS:
                    variable = EXTERNAL_VARIABLES[store][0]
                    raise StackError(f"The external {store} that {variable} names is not ready: {reason}.")
                time.sleep(0.5)
            say(Event("ready", store, time.monotonic() - began, "external"))

    def _finish_airflow(self, deployment: Deployment, say: Progress, *, fresh: bool) -> None:
        # Also where an `up` was interrupted between Airflow's start and this: without its pools no task ever starts.
        finished = self.paths.airflow_home / "pools-made"
        if not fresh and finished.is_file():
            return
        from docgraph_local import airflow_setup

        began = time.monotonic()
        with airflow_setup.starting_airflow(deployment) as api:
            airflow_setup.ensure_pools(api)
            finished.touch()
            say(Event("starting", "dags"))
            while (unparsed := airflow_setup.unparsed_files(api)) and time.monotonic() - began < _DAGS_SECONDS:
                say(Event("waiting", "dags", time.monotonic() - began, f"{len(unparsed)} files not parsed yet"))
                time.sleep(0.5)
            for name, line in airflow_setup.import_errors(api).items():
                say(Event("note", "dags", detail=f"{name} can't be imported: {line}"))
            for name in unparsed:
                say(Event("note", "dags", detail=f"{name} was not parsed within {_DAGS_SECONDS:.0f} s"))
        say(Event("ready", "dags", time.monotonic() - began))

    def _stop_in_order(self, deployment: Deployment, say: Progress) -> None:
        known = {program.name: program for program in programs(deployment, SERVICES)}
        states = {name: state for name, state in self._supervisor.states().items() if state.pid is not None}
        first = [name for name in states if name in known and known[name].stopped_first]
        for names in (first, [name for name in states if name not in first]):
            patience = max((known[name].stop_seconds for name in names if name in known), default=10) + 5
            for name, seconds in self._supervisor.stop_programs(names, patience):
                say(Event("stopped", name, seconds))

    def _remember(self, deployment: Deployment, services: set[str], wanted: Sequence[Program]) -> None:
        processes = {}
        for state in self._supervisor.states().values():
            if state.pid is not None:
                try:
                    processes[str(state.pid)] = psutil.Process(state.pid).create_time()
                except psutil.NoSuchProcess:
                    continue
        record = {
            "services": [name for name in SERVICES if name in services],
            "external": sorted(deployment.external),
            "programs": [program.name for program in wanted],
            "processes": processes,
        }
        write_private(self.paths.record, json.dumps(record, indent=2) + "\n")

    def _record(self) -> dict[str, Any]:
        try:
            stored: dict[str, Any] = json.loads(self.paths.record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stored

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.paths.lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StackError(
                    f"Another `make up` or `make down` works on {self.paths.home} just now; wait for it to finish."
                ) from error
            yield
