"""The sidecar as a process beside a real Redis; Neo4j, Qdrant, the embedder and Airflow are not there unless a test says so."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from docgraph.state import State
from support.contract.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "token-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sidecar:
    """`python -m ingestion_service` on a free port."""

    def __init__(self, home: Path, redis_url: str, extra: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        away = free_port()
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("DOCGRAPH_", "AIRFLOW"))}
        self.environment = {
            **clean,
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT / "include"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "DOCGRAPH_HOME": str(home),
            "DOCGRAPH_WORKSPACE": str(home),
            "DOCGRAPH_CONFIG": str(home / "ingest.yaml"),
            "DOCGRAPH_TOKEN": TOKEN,
            "DOCGRAPH_REDIS_URL": redis_url,
            "DOCGRAPH_NEO4J_URI": f"bolt://127.0.0.1:{away}",
            "DOCGRAPH_NEO4J_PASSWORD": "not-needed",
            "DOCGRAPH_QDRANT_URL": f"http://127.0.0.1:{away}",
            "DOCGRAPH_EMBEDDINGS_URL": f"http://127.0.0.1:{away}/v1",
            "AIRFLOW_API_URL": f"http://127.0.0.1:{away}",
            "AIRFLOW_PASSWORD": "not-needed",
            **(extra or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it says that it is alive (60 seconds at most)."""
        with (self.home / "sidecar.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ingestion_service", "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.url}/health", trust_env=False).raise_for_status()
            except httpx.HTTPError:
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.05)
            else:
                return

    def stop(self) -> float:
        """End the process in order and return how many seconds that took."""
        assert self._process is not None
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)
        return time.monotonic() - started

    def log(self) -> str:
        """Return what the process has said."""
        return (self.home / "sidecar.log").read_text()

    def client(self, token: str = TOKEN) -> httpx.Client:
        """Return a client with the token."""
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60
        )


@pytest.fixture(scope="module")
def own_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this module's own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory, own_redis_url: str) -> Iterator[Sidecar]:
    """A sidecar for the tests of this module."""
    home = tmp_path_factory.mktemp("home")
    (home / "ingest.yaml").write_text("limits: {max_document_bytes: 1000000}\n", encoding="utf-8")
    made = Sidecar(home, own_redis_url)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def http(sidecar: Sidecar) -> Iterator[httpx.Client]:
    """A client of the sidecar, with the token."""
    with sidecar.client() as made:
        yield made


@pytest.fixture
def state(own_redis_url: str) -> Iterator[State]:
    """What the sidecar has in Redis."""
    connected = State.connect(own_redis_url)
    yield connected
    connected.close()
