"""Connections to web servers: to addresses that the guard has checked, and never for longer than a request may take."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from docgraph.sources.http.guard import Guard


class Deadline:
    """When the request that a thread is making has to be over."""

    def __init__(self) -> None:
        """Have no request yet."""
        self._own = threading.local()

    def begin(self, seconds: float) -> None:
        """Give the request that begins now so many seconds."""
        self._own.until = time.monotonic() + seconds

    def left(self, wanted: float | None) -> float:
        """Return for how long to wait: as wanted, or less where the request has less left.

        Raises:
            httpcore.ReadTimeout: nothing is left.
        """
        left = float(self._own.until) - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer took too long as a whole")
        return left if wanted is None else min(left, wanted)


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a host once, has each of its addresses checked, and connects to one of these.

    Two look-ups, one to check and one to connect, could have two answers (DNS rebinding). TLS is begun on the connection
    afterwards, for the host's name.
    """

    def __init__(self, guard: Guard, deadline: Deadline) -> None:
        """Connect where the guard allows it."""
        self._guard = guard
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect.

        Raises:
            ForbiddenAddressError: an address of the host must not be asked.
            httpcore.ConnectError: the host has no address, or none that answers.
        """
        try:
            addresses = self._guard.addresses(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"the name can't be resolved: {error}") from error
        failed: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Timed(stream, self._deadline)
        raise failed


class _Timed(httpcore.NetworkStream):
    """A stream that a server can't hold open by sending a byte now and then."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Timed(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
