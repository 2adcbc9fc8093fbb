"""A real redis-server for the contract tests: one of their own in a temporary folder, ended by its recorded pid.

`DOCGRAPH_TEST_REDIS_URL` names another server to run the same tests against. Its database must be empty, because it is
flushed between tests.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import redis

from docgraph.state import State

PASSWORD = "s3cret-of-the-tests"


class RedisServer:
    """A redis-server process on a free port of the loopback interface, every write on disk before it is answered."""

    def __init__(self, folder: Path, password: str = "", environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.password = password
        self.environment = {**os.environ, **(environment or {})}
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        credentials = f":{self.password}@" if self.password else ""
        return f"redis://{credentials}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the process and wait until it answers (15 seconds at most)."""
        arguments = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": str(self.folder / "redis.log"),
        }
        if self.password:
            arguments["requirepass"] = self.password
        self._process = subprocess.Popen(
            ["redis-server", *(part for name, value in arguments.items() for part in (f"--{name}", value))],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + 15
        try:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert self._process.poll() is None, (self.folder / "redis.log").read_text()
                    assert time.monotonic() < deadline, "redis-server did not answer within 15 seconds"
                    time.sleep(0.02)
                else:
                    return
        finally:
            client.close()

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process in order."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, how)
            self._process.wait(timeout=15)
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server that the tests share."""
    given = os.environ.get("DOCGRAPH_TEST_REDIS_URL")
    if given:
        with redis.Redis.from_url(given) as client:
            assert client.dbsize() == 0, "DOCGRAPH_TEST_REDIS_URL must name an empty database: it is flushed by tests"
        yield given
        return
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def state(redis_url: str) -> Iterator[State]:
    """An empty state."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    connected = State.connect(redis_url)
    yield connected
    connected.close()
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    """A plain client, as another program has it."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server, with a password, that a test may kill."""
    server = RedisServer(tmp_path, PASSWORD)
    server.start()
    yield server
    server.stop()
