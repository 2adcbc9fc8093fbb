"""Worker threads by what is waited for in them, and event streams: a store that hangs takes the threads of its own lane only.

`/health`, `/ready` and `/metrics` take none at all from here (they have threads of their own); the other routes share Starlette's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi.responses import Response
from prometheus_client import Gauge
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from docgraph.runtime.web import ApiError

T = TypeVar("T")

#: Searches and calls of MCP tools that run at the same time; the others wait for their turn.
SEARCHES = 24
#: Uploads that are written to the store of snapshots at the same time; one that is still arriving needs no thread.
UPLOADS = 8
#: Looks that all event streams together take at the states of their jobs at the same time.
STREAMS = 8


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of one process."""

    searches: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(SEARCHES))
    uploads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(UPLOADS))
    streams: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(STREAMS))


async def in_lane(lane: CapacityLimiter, function: Callable[[], T]) -> T:
    """Run `function` in a thread of a lane, when one is free."""
    return await to_thread.run_sync(function, limiter=lane)


#: Event streams that are open at the same time; each is a connection to Redis too.
MAX_STREAMS = 500
HEARTBEAT_SECONDS = 15


class Streams:
    """The event streams of one process."""

    def __init__(self, gauge: Gauge) -> None:
        """Show in `gauge` how many are open."""
        self._gauge = gauge
        self._open = 0

    def response(self, content: AsyncIterator[ServerSentEvent]) -> Response:
        """Return a stream of this content.

        Raises:
            ApiError: too many are open.
        """
        if self._open >= MAX_STREAMS:
            raise ApiError(
                503,
                "too_many_streams",
                f"{self._open} event streams are open, the most that one process keeps.",
                "Close streams that nobody reads, ask for several jobs in one stream, or look at GET /v1/jobs instead.",
            )
        return _CountedStream(self, content)

    def opened(self, difference: int) -> None:
        """Count a stream that begins (1) or ends (-1)."""
        self._open += difference
        self._gauge.set(self._open)


class _CountedStream(EventSourceResponse):
    def __init__(self, streams: Streams, content: AsyncIterator[ServerSentEvent]) -> None:
        super().__init__(content, ping=HEARTBEAT_SECONDS, headers={"Cache-Control": "no-store"})
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.opened(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.opened(-1)
