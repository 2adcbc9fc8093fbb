"""The supervisor of the local stack on real servers: it heals, it is idempotent, it leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import redis

from docgraph_local import orphans
from docgraph_local.airflow_env import POOLS
from docgraph_local.stack import Event, Stack, StackError


def _free_base() -> int:
    """A base above which the stack's ports are free just now."""
    for base in range(23000 + os.getpid() % 1000 * 10, 60000, 20):
        with contextlib.ExitStack() as stack:
            try:
                for offset in range(1, 9):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", base + offset))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The smallest stack: one store under the supervisor."""
    made = Stack(tmp_path / "home", _free_base(), only=["redis"], environ={})
    yield made
    made.down()
    assert orphans.find(made.deployment().secrets.stack_id) == []


def _client(stack: Stack) -> redis.Redis:
    return redis.Redis.from_url(stack.env()["DOCGRAPH_REDIS_URL"])


def test_a_second_up_changes_nothing_and_is_quick(stack: Stack) -> None:
    first = stack.up()
    pid = stack.pid("redis")
    second = stack.up()
    assert first.started == ("redis",)
    assert second.unchanged
    assert second.seconds < 3
    assert stack.pid("redis") == pid


def test_progress_is_never_silent_about_what_is_started(stack: Stack) -> None:
    events: list[Event] = []
    stack.up(events.append)
    assert [event.subject for event in events if event.kind == "ready"] == ["supervisor", "redis"]


def test_a_killed_server_comes_back_with_what_it_acknowledged(stack: Stack) -> None:
    stack.up()
    _client(stack).set("kept", "yes")
    killed = stack.kill("redis")
    assert stack.await_ready("redis", 20, not_pid=killed) != killed
    assert _client(stack).get("kept") == b"yes"


def test_data_outlive_down_and_up(stack: Stack) -> None:
    stack.up()
    _client(stack).set("kept", "yes")
    stack.down()
    assert not stack.running
    stack.up()
    assert _client(stack).get("kept") == b"yes"


def test_orphans_of_a_killed_supervisor_are_ended_by_the_next_up(stack: Stack) -> None:
    stack.up()
    orphan = psutil.Process(stack.pid("redis"))
    supervisor = psutil.Process(int(stack.paths.supervisor_pid.read_text()))
    supervisor.kill()
    psutil.wait_procs([supervisor], timeout=5)
    assert orphan.is_running()
    result = stack.up()
    assert result.ended_orphans == 1
    assert not orphan.is_running()
    assert _client(stack).ping()


def test_status_tells_of_a_killed_supervisor_and_of_what_outlived_it(stack: Stack) -> None:
    stack.up()
    pid = stack.pid("redis")
    supervisor = psutil.Process(int(stack.paths.supervisor_pid.read_text()))
    supervisor.kill()
    psutil.wait_procs([supervisor], timeout=5)
    [left] = stack.status()
    assert (left.state, left.pid, left.healthy) == ("unsupervised", pid, True)
    assert stack.unsupervised == {"redis": pid}
    told = _make_status(stack)
    assert told.returncode == 1
    for text in ("unsupervised", str(pid), "has ended", "nothing restarts", "`make up`"):
        assert text in told.stdout
    assert json.loads(_make_status(stack, "--json").stdout)["supervised"] is False
    assert stack.up().started == ("redis",)
    assert stack.unsupervised == {}
    assert [program.state for program in stack.status()] == ["running"]
    assert _make_status(stack).returncode == 0


def test_status_does_not_wait_for_a_supervisor_that_hangs(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docgraph_local.supervisor._ANSWER_SECONDS", 0.5)
    stack.up()
    supervisor = psutil.Process(int(stack.paths.supervisor_pid.read_text()))
    supervisor.suspend()
    try:
        began = time.monotonic()
        [left] = stack.status()
        assert time.monotonic() - began < 5
        assert (left.state, left.healthy) == ("unsupervised", True)
    finally:
        supervisor.resume()
    assert [program.state for program in stack.status()] == ["running"]


def _make_status(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "docgraph_local", "status", *options]
    environment = {**os.environ, **stack.env(), "DOCGRAPH_HOME": str(stack.paths.home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_down_ends_orphans_too(stack: Stack) -> None:
    stack.up()
    orphan = psutil.Process(stack.pid("redis"))
    os.kill(int(stack.paths.supervisor_pid.read_text()), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while stack.running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stack.down() == 1
    assert not orphan.is_running()


def test_a_port_that_is_taken_stops_up_before_anything_is_started(stack: Stack) -> None:
    port = stack.deployment().port("redis")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        with pytest.raises(StackError, match=f"Port {port} .*taken by pid {os.getpid()}"):
            stack.up()
    assert not stack.running


def test_a_program_that_cannot_start_is_told_with_the_end_of_its_log(stack: Stack) -> None:
    stack.paths.create()
    # A folder where redis wants its append-only file's manifest to be.
    (stack.paths.data("redis") / "appendonlydir" / "appendonly.aof.manifest").mkdir(parents=True)
    with pytest.raises(StackError, match=r"redis ended instead of starting(.|\n)*manifest"):
        stack.up()


def test_a_home_with_an_awkward_and_long_path_works(tmp_path: Path) -> None:
    stack = Stack(tmp_path / ("deep" * 20) / "it's 100% mine", _free_base(), only=["redis"], environ={})
    try:
        stack.up()
        assert _client(stack).ping()
    finally:
        stack.clean()
    assert not stack.paths.socket.parent.exists()


def test_an_external_store_is_used_and_not_started(stack: Stack, tmp_path: Path) -> None:
    stack.up()
    url = stack.env()["DOCGRAPH_REDIS_URL"]
    user = Stack(tmp_path / "user", _free_base(), only=["redis"], environ={"DOCGRAPH_REDIS_URL": url})
    try:
        assert user.up().started == ()
        [status] = user.status()
        assert (status.name, status.state, status.healthy) == ("redis", "external", True)
        # A later shell without the variable still reaches it.
        assert Stack(tmp_path / "user", environ={}).env()["DOCGRAPH_REDIS_URL"] == url
    finally:
        user.down()
    assert _client(stack).ping()


def test_status_says_what_runs_and_what_does_not(stack: Stack) -> None:
    stack.up()
    [running] = stack.status()
    assert (running.state, running.pid, running.healthy) == ("running", stack.pid("redis"), True)
    assert "@" not in running.address
    stack.down()
    [stopped] = stack.status()
    assert (stopped.state, stopped.pid, stopped.healthy) == ("stopped", None, False)


def test_clean_removes_the_data_and_nothing_foreign(stack: Stack) -> None:
    stack.up()
    foreign = stack.paths.home / "notes.txt"
    foreign.write_text("mine")
    stack.clean()
    assert [path.name for path in stack.paths.home.iterdir()] == ["notes.txt"]


def test_airflow_runs_with_shared_memory_pools_and_leaves_no_worker_behind(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "home", _free_base(), only=["airflow"], environ={})
    try:
        stack.up()
        preload = json.loads(stack.paths.preload_record.read_text())
        assert preload["pid"] == stack.pid("airflow-scheduler")
        assert {"airflow.sdk.execution_time.task_runner", "neo4j", "redis", "qdrant_client"} <= set(preload["modules"])
        assert _pools(stack).keys() >= POOLS.keys()
        with contextlib.closing(sqlite3.connect(stack.paths.airflow_home / "airflow.db")) as database:
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        _assert_only_loopback(stack)
        killed = stack.kill("airflow-scheduler")
        orphaned = set(_workers(stack))
        assert orphaned
        stack.await_ready("airflow-scheduler", 60, not_pid=killed)
        assert orphaned.isdisjoint(_workers(stack))
    finally:
        stack.down()
    assert orphans.find(stack.deployment().secrets.stack_id) == []


def _pools(stack: Stack) -> dict[str, int]:
    env = stack.env()
    login = {"username": env["AIRFLOW_USER"], "password": env["AIRFLOW_PASSWORD"]}
    with httpx.Client(base_url=env["AIRFLOW_API_URL"], trust_env=False) as client:
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        answer = client.get("/api/v2/pools", headers={"Authorization": f"Bearer {token}"}).raise_for_status().json()
    return {pool["name"]: pool["slots"] for pool in answer["pools"]}


def _workers(stack: Stack) -> list[int]:
    """Processes that the scheduler forked: they carry its mark but are not it."""
    mine = stack.pid("airflow-scheduler")
    found = orphans.find(stack.deployment().secrets.stack_id)
    return [
        process.pid
        for process in found
        if process.pid != mine and process.environ().get("DOCGRAPH_PROGRAM") == "airflow-scheduler"
    ]


def _assert_only_loopback(stack: Stack) -> None:
    mine = {process.pid for process in orphans.find(stack.deployment().secrets.stack_id)}
    listening = [c for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN and c.pid in mine]
    assert listening
    assert {c.laddr.ip if c.laddr else "" for c in listening} == {"127.0.0.1"}
