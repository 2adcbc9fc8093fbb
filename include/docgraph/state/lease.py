"""A lease on a piece of work that only one process at a time shall do (dispatching, reaping, the gate).

It keeps replicas from getting into each other's way; it is no fence. A holder that stands still for longer than the lease
goes on without knowing, so that what is done under it must be compare-and-set by itself, as all of `jobs.py` is.
"""

from __future__ import annotations

import uuid
from types import TracebackType

from docgraph.state import keys
from docgraph.state.server import Server


class Lease:
    """The key `ingest:lease:<name>`: holds its owner's token and expires by itself."""

    def __init__(self, server: Server, name: str, ttl_seconds: float) -> None:
        self._server = server
        self._key = keys.lease(name)
        self._milliseconds = max(1, int(ttl_seconds * 1000))
        self._owner = uuid.uuid4().hex

    def acquire(self) -> bool:
        """Take the lease, or take it for longer where it is this object's; False: another process has it."""
        return self._do("acquire")

    def renew(self) -> bool:
        """Keep the lease for its full time from now; False: it is lost, and another process may work already."""
        return self._do("renew")

    def release(self) -> None:
        """Give the lease back; nothing happens where it isn't this object's any more."""
        self._do("release")

    def _do(self, action: str) -> bool:
        return bool(self._server.script("lease", [self._key], (action, self._owner, self._milliseconds)))

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
