"""The Qdrant of the contract suite: the one from the environment, or the local server as a process of our own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from qdrant_client import QdrantClient, models

PACKAGE_ROOT = Path(__file__).parents[3] / "deploy" / "local"


@dataclass
class LocalServer:
    """One process over one data folder; it can be killed and started again."""

    data: Path
    port: int
    api_key: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "qdrant_local", "--port", str(self.port), "--data", str(self.data)]

    def environment(self) -> dict[str, str]:
        paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
        inherited = {name: value for name, value in os.environ.items() if name != "QDRANT__SERVICE__API_KEY"}
        key = {} if self.api_key is None else {"QDRANT__SERVICE__API_KEY": self.api_key}
        return {**inherited, **key, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), env=self.environment(), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the local Qdrant server ended at once with {self.process.returncode}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError("the local Qdrant server was not ready within 30 s")

    def kill(self) -> None:
        """End it as a power cut would: no handler runs."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)


def new_local_server(data: Path, api_key: str | None = None) -> LocalServer:
    """Choose a free port; the server is not started yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return LocalServer(data=data, port=port, api_key=api_key)


@pytest.fixture(scope="session")
def qdrant_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the Qdrant under test: DOCGRAPH_QDRANT_URL, or a local server of our own."""
    if url := os.environ.get("DOCGRAPH_QDRANT_URL"):
        yield url
        return
    server = new_local_server(tmp_path_factory.mktemp("qdrant"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def qdrant_api_key() -> str | None:
    return os.environ.get("DOCGRAPH_QDRANT_API_KEY") or None


@pytest.fixture(scope="session")
def qdrant(qdrant_url: str, qdrant_api_key: str | None) -> Iterator[QdrantClient]:
    """The plain client, connected to the server under test."""
    client = QdrantClient(url=qdrant_url, api_key=qdrant_api_key, timeout=30)
    yield client
    client.close()


@pytest.fixture
def qdrant_names(qdrant: QdrantClient) -> Iterator[list[str]]:
    """A list of unused names; collections that a test creates under them are removed after it."""
    names = [f"contract_{uuid.uuid4().hex}" for _ in range(3)]
    yield names
    for name in names:
        if qdrant.collection_exists(name):
            qdrant.delete_collection(name)


@pytest.fixture
def qdrant_collection(qdrant: QdrantClient, qdrant_names: list[str]) -> str:
    """An empty collection: 4 dimensions, distance Dot, indexes on tag, document_id and fence."""
    name = qdrant_names[0]
    qdrant.create_collection(name, vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT))
    qdrant.create_payload_index(name, "tag", models.PayloadSchemaType.KEYWORD, wait=True)
    qdrant.create_payload_index(name, "document_id", models.PayloadSchemaType.KEYWORD, wait=True)
    qdrant.create_payload_index(name, "fence", models.PayloadSchemaType.INTEGER, wait=True)
    return name


@pytest.fixture
def local_qdrant(tmp_path: Path) -> Iterator[LocalServer]:
    """A running local server of the test's own, which it may kill."""
    server = new_local_server(tmp_path / "data")
    server.start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()
