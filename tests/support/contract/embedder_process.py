"""The embedding server as a process of its own, as tests start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import openvino
import pytest

ROOT = Path(__file__).resolve().parents[3]
KEY = "key-of-the-tests"
#: Of tests of an engine that not every processor has.
needs_bf16 = pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this processor does not compute in bf16",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    port: int, *arguments: str, key: str = KEY, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT)]),
        "DOCGRAPH_EMBEDDINGS_API_KEY": key,
        **(environment or {}),
    }
    command = [sys.executable, "-m", "embedding_server", "--port", str(port), *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for(url: str, status: int, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(url, timeout=5.0, trust_env=False).status_code == status:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{url} did not answer {status} within {seconds} s"
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    if process.stderr:
        process.stderr.close()


@contextmanager
def running(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a server that is warm, for as long as the block runs."""
    port = free_port()
    process = start(port, *arguments, environment=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", 200)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)
