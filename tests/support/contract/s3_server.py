"""An S3 server for the contract tests: moto, in a process of its own, asked over HTTP.

`DOCGRAPH_TEST_S3_URL` (`s3://bucket/prefix`, with AWS_* variables) names a real bucket to run the same tests against; what is below
the prefix is left alone, what the tests make is removed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from docgraph.settings import AwsAccess

_SERVER = Path(__file__).with_name("moto_server.py")
BUCKET = "docgraph-test"


def s3_client(access: AwsAccess) -> Any:
    """Return a client with which a test puts and removes objects, past our own code."""
    return boto3.client(
        "s3",
        endpoint_url=access.endpoint_url,
        region_name=access.region,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
    )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, AwsAccess]]:
    """Yield the address of a place in a bucket, and how it is reached."""
    if url := os.environ.get("DOCGRAPH_TEST_S3_URL"):
        yield url, AwsAccess()
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with s3_serving(port, tmp_path_factory.mktemp("s3") / "moto.log") as access:
        yield f"s3://{BUCKET}", access


@contextmanager
def s3_serving(port: int, log: Path) -> Iterator[AwsAccess]:
    """Run moto, with an empty bucket; `log` gets a line a request."""
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, str(_SERVER), str(port)], stdout=output, stderr=output)
    try:
        access = AwsAccess(f"http://127.0.0.1:{port}", "us-east-1", "testing", "testing")
        _await(access.endpoint_url or "", process, log)
        s3_client(access).create_bucket(Bucket=BUCKET)
        yield access
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def s3_place(s3_server: tuple[str, AwsAccess]) -> tuple[str, AwsAccess]:
    """A prefix of the test's own."""
    url, access = s3_server
    return f"{url}/test-{uuid.uuid4().hex[:12]}", access


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(url, timeout=2)
        except httpx.TransportError:
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, f"moto did not answer: {log.read_text(errors='replace')}"
            time.sleep(0.1)
        else:
            return
