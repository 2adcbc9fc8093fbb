"""Clients that connect and then don't say what they want, or not all of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ingestion_service.http import connections

HEAD_SECONDS = 0.5


async def _slow(scope: Scope, receive: Receive, send: Send) -> None:
    time.sleep(2 * HEAD_SECONDS)
    await PlainTextResponse("done")(scope, receive, send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server whose clients have half a second to say what they want."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", HEAD_SECONDS)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_slow, http=connections.PatientProtocol, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=10)


def what_comes(port: int, *said: bytes) -> bytes:
    """Return what the server says until it closes the connection; each piece but the first is said half a second later."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for piece in said:
            client.sendall(piece)
            time.sleep(HEAD_SECONDS / 2)
        return client.makefile("rb").read()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHos"])
def test_a_client_without_a_whole_head_is_left(port: int, said: bytes) -> None:
    started = time.monotonic()
    assert what_comes(port, said) == b""
    assert time.monotonic() - started < 8


def test_a_head_in_two_pieces_is_answered_however_long_the_answer_takes(port: int) -> None:
    assert what_comes(port, b"GET / HTTP/1.1\r\nHost: x\r\n", b"Connection: close\r\n\r\n").endswith(b"done")


def test_half_a_head_after_an_answer_is_left_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        seen = b""
        while not seen.endswith(b"done"):
            seen += client.recv(4096)
        client.sendall(b"GET / HT")
        assert client.recv(4096) == b""
