"""Which store a piece of work waits for at this moment, so that a caller for whom it takes long can be told.

The connections to the stores say `waiting_for` around each call. Outside of `noted` that costs nothing and keeps nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

#: The stores, by the names under which they are probed.
REDIS, NEO4J, QDRANT, EMBEDDER = "redis", "neo4j", "qdrant", "embedder"


@dataclass(frozen=True, slots=True)
class Wait:
    """A call that has not returned: of which store, and for how many seconds it has been out."""

    store: str
    seconds: float


class Waits:
    """The calls of one piece of work, in all of its threads, that have not returned."""

    def __init__(self) -> None:
        self._out: dict[int, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._next = 0

    def longest(self) -> Wait | None:
        """Return the call that has been out the longest; None where none is."""
        with self._lock:
            out = list(self._out.values())
        if not out:
            return None
        store, since = min(out, key=lambda each: each[1])
        return Wait(store, time.monotonic() - since)

    def _begin(self, store: str) -> int:
        with self._lock:
            self._next += 1
            self._out[self._next] = (store, time.monotonic())
            return self._next

    def _end(self, number: int) -> None:
        with self._lock:
            del self._out[number]


_WAITS: ContextVar[Waits | None] = ContextVar("docgraph_waits", default=None)


@contextmanager
def noted() -> Iterator[Waits]:
    """Note the calls of what runs inside, in this context and in those that are copied from it."""
    waits = Waits()
    token = _WAITS.set(waits)
    try:
        yield waits
    finally:
        _WAITS.reset(token)


@contextmanager
def waiting_for(store: str) -> Iterator[None]:
    """Say that a call of this store is out."""
    waits = _WAITS.get()
    if waits is None:
        yield
        return
    number = waits._begin(store)
    try:
        yield
    finally:
        waits._end(number)
