"""Clients that are slow, silent, cut off or strangers cost nobody else anything: asked of a real sidecar beside a real Redis."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest

from docgraph.state import State
from support.integration.service_process import TOKEN, Sidecar, http, own_redis_url, sidecar, state

__all__ = ["http", "own_redis_url", "sidecar", "state"]

#: More than the worker threads that all plain routes share (40).
MANY = 60
#: More than the connections that the client of Redis has by default (100).
STREAMS = 110
#: Seconds in which an answer comes on a busy machine.
USUAL = 6.0


@contextlib.contextmanager
def connections(sidecar: Sidecar, number: int, first: bytes) -> Iterator[list[socket.socket]]:
    """Open connections that say `first` and nothing more."""
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", sidecar.port), timeout=USUAL))
            for _ in range(number)
        ]
        for each in opened:
            each.sendall(first)
        yield opened


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: sidecar", *lines, "", ""]).encode()


def status_of(connection: socket.socket) -> int:
    """Return the status that the service answers with."""
    return int(connection.recv(65536).split(b" ", 2)[1])


AUTHORIZED = f"Authorization: Bearer {TOKEN}"
HALF_AN_UPLOAD = head("POST", "/v1/snapshots", AUTHORIZED, "Content-Length: 100000") + b"half of it"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET /v1/jobs HTT",
        HALF_AN_UPLOAD,
        head("POST", "/v1/jobs", AUTHORIZED, "Content-Length: 1000") + b'{"jobs',
    ],
    ids=["silent", "half a head", "half an upload", "half a request"],
)
def test_unfinished_requests_delay_no_other(sidecar: Sidecar, http: httpx.Client, first: bytes) -> None:
    with connections(sidecar, MANY, first):
        for path in ("/health", "/ready", "/metrics", "/v1/jobs"):
            started = time.monotonic()
            assert http.get(path, timeout=USUAL).status_code in {200, 503}
            assert time.monotonic() - started < USUAL
        content = uuid.uuid4().bytes * 60_000
        stored = http.post("/v1/snapshots", content=content, timeout=USUAL).raise_for_status().json()
        assert stored["size"] == len(content)


def test_more_event_streams_than_redis_clients_have_connections_are_all_served(
    sidecar: Sidecar, http: httpx.Client, state: State
) -> None:
    checksum = http.post("/v1/snapshots", content=b"some text").raise_for_status().json()["sha256"]
    job = {"source_uri": "upload:///a.md", "tag": f"t{uuid.uuid4().hex[:10]}", "checksum": checksum}
    job_id = (
        http.post("/v1/jobs", json={"jobs": [job], "trigger": False}).raise_for_status().json()["jobs"][0]["job_id"]
    )
    with connections(sidecar, STREAMS, head("GET", f"/v1/events?job={job_id}", AUTHORIZED)) as streams:
        deadline = time.monotonic() + 30
        while f"docgraph_event_streams {float(STREAMS)}" not in http.get("/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        # All of them wait for news by now.
        time.sleep(1)
        state.jobs.cancel(job_id, "enough")
        for stream in streams:
            seen = b""
            while b"event: end" not in seen:
                assert b"event: error" not in seen
                piece = stream.recv(65536)
                assert piece, seen
                seen += piece


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/snapshots", "/v1/nothing", "/mcp"])
def test_a_stranger_is_refused_before_the_body_is_read(sidecar: Sidecar, path: str) -> None:
    with connections(sidecar, 1, head("POST", path, "Content-Type: application/json", "Content-Length: 1000")) as (
        one,
    ):
        assert status_of(one) == 401


def test_a_stranger_learns_nothing_about_what_a_request_has_to_look_like(sidecar: Sidecar) -> None:
    with sidecar.client("wrong") as stranger:
        assert stranger.post("/v1/jobs", content=b"{nonsense").status_code == 401
        assert stranger.get("/v1/jobs", params={"limit": 0}).status_code == 401


@pytest.mark.parametrize("secret", ["é", "\ud800", "𝔸" * 64], ids=["accent", "surrogate", "letters"])
def test_a_signature_or_token_that_is_not_ascii_is_refused_like_any_wrong_one(sidecar: Sidecar, secret: str) -> None:
    written = secret.encode("utf-8", "surrogatepass")
    escaped = "".join(f"%{byte:02X}" for byte in written)
    signed = head("GET", f"/v1/runs/x/report?signature={escaped}", "Connection: close")
    bearer = head("GET", "/v1/jobs", "Connection: close").replace(
        b"\r\n\r\n", b"\r\nAuthorization: Bearer " + written + b"\r\n\r\n"
    )
    for request in (signed, bearer):
        with connections(sidecar, 1, request) as (one,):
            answer = one.makefile("rb").read()
        assert answer.split(b" ", 2)[1] == b"401"
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "unauthorized"
    assert "Traceback" not in sidecar.log()
