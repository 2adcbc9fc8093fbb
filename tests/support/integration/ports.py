"""Ports that a stack of a test's own may have."""

from __future__ import annotations

import contextlib
import os
import socket


def free_port_base() -> int:
    """Return a base above which all ports of a stack are free just now.

    Below 32768, where Linux takes the local ports of outgoing connections from: one of those can hold a port for minutes.
    """
    for base in range(11000 + os.getpid() % 1000 * 20, 32700, 20):
        with contextlib.ExitStack() as sockets:
            try:
                for offset in range(1, 10):
                    sockets.enter_context(socket.socket()).bind(("127.0.0.1", base + offset))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")
