"""The supervisor of the local stack: writes supervisord's configuration, starts it, and speaks to it.

Knows processes, not services: what is started and when it is ready is decided by `stack`.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport

from docgraph.domain.errors import InfrastructureError
from docgraph_local.paths import Paths, write_private
from docgraph_local.programs import Program

_LAUNCHER = Path(__file__).with_name("launch.py")
#: States of a program that supervisord has given up.
FAILED = frozenset({"FATAL", "UNKNOWN"})
#: State of a process that no supervisor keeps: a word of ours beside supervisord's.
UNSUPERVISED = "UNSUPERVISED"
_NO_SUCH_PROGRAM, _ALREADY_STARTED, _NOT_RUNNING = 10, 60, 70
#: Seconds within which a supervisor that lives says what it knows; one that is stopped never does.
_ANSWER_SECONDS = 5.0


class SupervisorError(InfrastructureError):
    """The supervisor did not start or does not answer; read logs/supervisord.log, then `make down` and `make up`."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What supervisord knows of one program."""

    name: str
    state: str
    pid: int | None
    started_at: float | None
    exit_status: int | None
    problem: str


class Supervisor:
    """One supervisord with its control socket, alive or not."""

    def __init__(self, paths: Paths) -> None:
        """Speak to the supervisor of the stack at `paths`."""
        self._paths = paths

    def pid(self) -> int | None:
        """Return the process id of the living supervisord of this stack, else None."""
        try:
            pid = int(self._paths.supervisor_pid.read_text())
            process = psutil.Process(pid)
            # A number may have been given to another process since: only a supervisord with our configuration counts.
            if str(self._paths.supervisor_config) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                return pid
        except (OSError, ValueError, psutil.Error):
            return None
        return None

    def start(self) -> int:
        """Start supervisord with the configuration written before; return its process id.

        Raises:
            SupervisorError: it ended at once or its socket did not answer within ten seconds.
        """
        self._paths.socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._paths.supervisor_config)]
        # A plain environment: each program gets its own, exact one from its launch file.
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        finished = subprocess.run(
            command, env=environment, cwd=self._paths.home, capture_output=True, text=True, check=False, timeout=30
        )
        if finished.returncode != 0:
            raise SupervisorError(
                f"supervisord did not start: {(finished.stdout + finished.stderr).strip()[-800:]}; "
                f"its log is {self._paths.log('supervisord')}."
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            pid = self.pid()
            if pid is not None and self._answers():
                return pid
            time.sleep(0.05)
        raise SupervisorError(
            f"supervisord started but did not answer at {self._paths.socket} within 10 s; "
            f"its log is {self._paths.log('supervisord')}."
        )

    def states(self) -> dict[str, ProcessState]:
        """Return what is known of every program, by name."""
        infos = cast("list[dict[str, Any]]", self._call("supervisor.getAllProcessInfo", seconds=_ANSWER_SECONDS))
        return {
            info["name"]: ProcessState(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"] or None,
                started_at=float(info["start"]) if info["pid"] else None,
                exit_status=info["exitstatus"] if info["statename"] == "EXITED" else None,
                problem=info["spawnerr"],
            )
            for info in infos
        }

    def update(self) -> None:
        """Take over a changed configuration: programs that are gone or changed are stopped, new ones become known."""
        added, changed, removed = cast("list[list[list[str]]]", self._call("supervisor.reloadConfig"))[0]
        for name in (*removed, *changed):
            self._call("supervisor.stopProcessGroup", name)
            self._call("supervisor.removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("supervisor.addProcessGroup", name)

    def start_program(self, name: str) -> None:
        """Ask for a program to be started; returns before it is ready, does nothing when it runs."""
        self._call("supervisor.startProcess", name, False, tolerate=_ALREADY_STARTED)

    def stop_programs(self, names: Iterable[str], seconds: float) -> Iterator[tuple[str, float]]:
        """Stop programs side by side, waiting at most `seconds`; yield each name and its seconds when it has ended."""
        waiting = set(names)
        began = time.monotonic()
        for name in waiting:
            self._call("supervisor.stopProcess", name, False, tolerate=(_NOT_RUNNING, _NO_SUCH_PROGRAM))
        while waiting and time.monotonic() < began + seconds:
            states = self.states()
            ended = {name for name in waiting if name not in states or states[name].pid is None}
            for name in sorted(ended):
                yield name, time.monotonic() - began
            waiting -= ended
            if waiting:
                time.sleep(0.1)

    def shutdown(self) -> None:
        """End supervisord with all that it still runs, and wait for it."""
        pid = self.pid()
        if pid is None:
            return
        process = psutil.Process(pid)
        self._call("supervisor.shutdown")
        try:
            process.wait(timeout=60)
        except psutil.TimeoutExpired as error:
            raise SupervisorError(f"supervisord (pid {pid}) did not end within 60 s; run `make down` again.") from error

    def _answers(self) -> bool:
        try:
            self._call("supervisor.getState", seconds=_ANSWER_SECONDS)
        except SupervisorError:
            return False
        return True

    def _call(
        self, method: str, *arguments: object, tolerate: int | Sequence[int] = (), seconds: float | None = None
    ) -> object:
        tolerated = (tolerate,) if isinstance(tolerate, int) else tuple(tolerate)
        transport = _Transport(self._paths.socket, seconds)
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in tolerated:
                return None
            raise SupervisorError(f"supervisord refused {method}{arguments}: {fault.faultString}.") from fault
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise SupervisorError(
                f"supervisord does not answer at {self._paths.socket} ({error}); "
                f"its log is {self._paths.log('supervisord')}. Where it lives and hangs, end it "
                f"(`kill -9 {self.pid() or 'PID'}`); `make up` starts it again."
            ) from error
        finally:
            transport.close()


class _Transport(SupervisorTransport):  # type: ignore[misc]
    """supervisord's own transport, with a limit to how long an answer is waited for."""

    def __init__(self, path: Path, seconds: float | None) -> None:
        super().__init__(None, None, f"unix://{path}")
        self._path, self._seconds = path, seconds
        self._get_connection = self._connect

    def _connect(self) -> HTTPConnection:
        connection = HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(self._seconds)
        connection.sock.connect(str(self._path))
        return connection


def write_configuration(paths: Paths, programs: Sequence[Program]) -> bool:
    """Write supervisord's configuration and the launch files; say whether anything differs from what was there."""
    digests = {program.name: _write_launch_file(paths, program) for program in programs}
    text = _render(paths, programs, digests)
    if paths.supervisor_config.is_file() and paths.supervisor_config.read_text(encoding="utf-8") == text:
        return False
    write_private(paths.supervisor_config, text)
    return True


def _write_launch_file(paths: Paths, program: Program) -> str:
    own = {
        "name": program.name,
        "command": list(program.command),
        "directory": str(program.directory),
        "environment": dict(program.environment),
    }
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]
    path = paths.launch_file(program.name)
    if not path.is_file() or json.loads(path.read_text(encoding="utf-8")).get("digest") != digest:
        environment = {**program.inherited, **program.environment}
        write_private(path, json.dumps({**own, "environment": environment, "digest": digest}, indent=1))
    return digest


def _render(paths: Paths, programs: Sequence[Program], digests: dict[str, str]) -> str:
    sections = [
        "; Written by `make up`; commands and environments are in programs/*.json.",
        "[unix_http_server]",
        f"file={_plain(paths.socket)}",
        "chmod=0700",
        "",
        "[supervisord]",
        f"logfile={_plain(paths.log('supervisord'))}",
        "logfile_maxbytes=5MB",
        "logfile_backups=2",
        f"pidfile={_plain(paths.supervisor_pid)}",
        f"directory={_plain(paths.home)}",
        f"childlogdir={_plain(paths.logs)}",
        "nodaemon=false",
        "umask=022",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "",
        "[supervisorctl]",
        f"serverurl=unix://{_plain(paths.socket)}",
    ]
    for program in programs:
        words = (sys.executable, "-I", "-S", _LAUNCHER, paths.launch_file(program.name), digests[program.name])
        sections += [
            "",
            f"[program:{program.name}]",
            "command=" + " ".join(f'"{_plain(word)}"' for word in words),
            "autostart=false",
            f"autorestart={'false' if program.one_shot else 'true'}",
            # A server that ends sooner than this is started again ever more slowly, and given up after the last try.
            f"startsecs={0 if program.one_shot else 5}",
            "startretries=100",
            f"stopwaitsecs={program.stop_seconds}",
            f"stopasgroup={'false' if program.stops_children else 'true'}",
            "killasgroup=true",
            "redirect_stderr=true",
            # supervisord expands this one option twice.
            f"stdout_logfile={_plain(_plain(paths.log(program.name)))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=2",
        ]
    return "\n".join(sections) + "\n"


def _plain(value: object) -> str:
    return str(value).replace("%", "%%")
