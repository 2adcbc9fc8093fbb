"""Finding, naming and ending processes by their mark; a taken port names who has it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from docgraph_local import launch, orphans, preflight
from docgraph_local.deployment import read_deployment


@pytest.fixture
def mark() -> str:
    return secrets.token_hex(8)


@pytest.fixture
def detached(mark: str) -> Iterator[psutil.Process]:
    """A process in a session of its own whose parent knows nothing of it, as a task of a killed worker."""
    environment = {**os.environ, "DOCGRAPH_STACK_ID": mark, "DOCGRAPH_PROGRAM": "airflow-scheduler"}
    command = ["sh", "-c", "echo started; read line"]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, env=environment, start_new_session=True, stdin=pipe, stdout=pipe)
    assert child.stdout is not None
    # Before its first word, the environment of a process may not be there yet.
    assert child.stdout.readline() == b"started\n"
    yield psutil.Process(child.pid)
    child.kill()
    child.communicate()


def test_a_process_is_found_by_its_mark_and_ended(detached: psutil.Process, mark: str) -> None:
    assert orphans.find(mark) == [detached]
    assert orphans.end([detached]) == 1
    assert orphans.find(mark) == []


def test_processes_of_another_stack_are_left_alone(detached: psutil.Process) -> None:
    assert detached not in orphans.find("another-mark")


def test_a_recorded_pid_counts_only_with_its_time_of_birth(detached: psutil.Process) -> None:
    born = detached.create_time()
    assert detached in orphans.find("unknown", {detached.pid: born})
    assert detached not in orphans.find("unknown", {detached.pid: born - 100})


def test_a_process_that_ignores_the_request_is_forced(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "GRACE_SECONDS", 0.3)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "DOCGRAPH_STACK_ID": mark}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "deaf\n"
        assert orphans.end(orphans.find(mark)) == 1
        assert orphans.find(mark) == []


def test_a_launch_ends_what_the_killed_predecessor_left_behind(detached: psutil.Process, mark: str) -> None:
    launch.end_leftovers(f"DOCGRAPH_STACK_ID={mark}", "DOCGRAPH_PROGRAM=airflow-triggerer")
    assert detached.is_running()
    launch.end_leftovers(f"DOCGRAPH_STACK_ID={mark}", "DOCGRAPH_PROGRAM=airflow-scheduler")
    assert detached.wait(timeout=5) is not None or not detached.is_running()


def test_a_taken_port_is_reported_with_the_process_that_has_it(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        base = listener.getsockname()[1] - 1
        deployment = read_deployment(tmp_path, base, environ={})
        fatal = [finding.message for finding in preflight.inspect(deployment, ["redis"]) if finding.fatal]
    assert len(fatal) == 1
    assert f"Port {base + 1} (redis) is taken by pid {os.getpid()}" in fatal[0]
    assert "DOCGRAPH_PORT_BASE" in fatal[0]


def test_the_ports_of_what_already_runs_are_not_held_against_it(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        deployment = read_deployment(tmp_path, listener.getsockname()[1] - 1, environ={})
        findings = preflight.inspect(deployment, ["redis"], running=frozenset({"redis"}))
    assert not [finding for finding in findings if finding.fatal]
