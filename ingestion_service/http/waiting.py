"""Requests that wait for a store that hangs: they are told so within seconds, while what they asked for comes to its own end.

A store that is merely slow answers a probe: then the request goes on waiting for it, as long as its client likes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docgraph.domain.waits import Waits, noted
from docgraph.runtime.web import error_response
from ingestion_service.lanes import Lanes
from ingestion_service.probes import Prober, in_thread
from ingestion_service.readiness import REQUIRED

#: Seconds that one call of a store may be out, and a request may wait for a thread, before the store is probed.
PATIENCE = 2.5
#: Seconds between two looks at a request from then on.
_INTERVAL = 0.5
#: Seconds that the store may take to answer the probe.
_PROBE_SECONDS = 1.0

#: What says itself which stores don't answer, within three seconds.
_SAY_THEMSELVES = frozenset({"/health", "/ready", "/metrics"})

_log = logging.getLogger(__name__)


class SayWhatIsWaitedFor:
    """ASGI middleware: answers 503 `store_unavailable` to a request whose store does not answer, naming it, after 4 seconds."""

    def __init__(self, app: ASGIApp, prober: Prober, lanes: Lanes) -> None:
        """Wrap `app`."""
        self._app = app
        self._prober = prober
        self._lanes = lanes
        self._left: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at what it waits for when it takes long."""
        if scope["type"] != "http" or scope["path"] in _SAY_THEMSELVES:
            await self._app(scope, receive, send)
            return
        started = is_answered = False

        async def watched(message: Message) -> None:
            nonlocal started
            if not is_answered:
                started = True
                await send(message)

        with noted() as waits:
            work = asyncio.create_task(self._run(scope, receive, watched))
        try:
            pause = PATIENCE
            while not (await asyncio.wait({work}, timeout=pause))[0]:
                pause = _INTERVAL
                said = "" if started else await self._hanging(waits)
                # The answer may have begun, or the work ended, while the probe was out.
                if said and not started and not work.done():
                    is_answered = True
                    self._leave(work, scope)
                    await error_response(
                        503,
                        "store_unavailable",
                        f"{scope['method']} {scope['path']} {said}",
                        "`make status` and its log.",
                    )(scope, receive, send)
                    return
        except asyncio.CancelledError:
            work.cancel()
            raise
        work.result()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _hanging(self, waits: Waits) -> str:
        """Return what is to be said of the store that the request waits for; nothing where it answers, or there is none."""
        longest = waits.longest()
        if longest is not None:
            if longest.seconds < PATIENCE:
                return ""
            reasons = await self._probed([longest.store])
            return reasons and f"waits for {longest.store}: no answer for {longest.seconds:.1f} s."
        if any(lane.statistics().tasks_waiting for lane in self._queues()):
            reasons = await self._probed(REQUIRED)
            return reasons and f"waits for a free thread behind requests to {reasons}, which gives no answer."
        return ""

    def _queues(self) -> tuple[CapacityLimiter, ...]:
        return (to_thread.current_default_thread_limiter(), self._lanes.searches, self._lanes.streams)

    async def _probed(self, stores: Sequence[str]) -> str:
        """Return the names of those of the stores that don't answer."""
        results = await asyncio.wrap_future(
            in_thread(lambda: self._prober.measure(stores, timeout=_PROBE_SECONDS), "probe-request")
        )
        return ", ".join(name for name, result in results.items() if not result.ok)

    def _leave(self, work: asyncio.Task[None], scope: Scope) -> None:
        """Let the work come to its end by itself; its threads can't be stopped."""

        def ended(task: asyncio.Task[None]) -> None:
            self._left.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.warning("%s %s had been answered when it failed: %s", scope["method"], scope["path"], error)

        self._left.add(work)
        work.add_done_callback(ended)
