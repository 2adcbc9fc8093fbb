"""Asking each store how it is, bounded in time: for `/ready`, for the gate and for the metrics.

A client's own retries may hold a question for half a minute, so each runs in a thread of its own and is given up on after
`timeout`; while one is still out, no second one is sent to the same store. Within one request a store that has answered is not
asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from docgraph.domain.errors import DocgraphError

T = TypeVar("T")

#: The stores that have answered a probe in the request at hand; None outside of requests.
_ANSWERED: ContextVar[set[str] | None] = ContextVar("docgraph_answered", default=None)


@contextmanager
def one_request() -> Iterator[None]:
    """Count what runs inside as one request, in this thread and in those that it hands work to."""
    token = _ANSWERED.set(set())
    try:
        yield
    finally:
        _ANSWERED.reset(token)


class OneRequest:
    """ASGI middleware: each HTTP request is one for the probes."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what starts and ends the application is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with one_request():
            await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a store said: whether it answered, in how many seconds, and why not."""

    ok: bool
    seconds: float
    error: str = ""


class Prober:
    """The questions (`name → ping`, which returns seconds or raises), what was answered last, and what is still out."""

    def __init__(self, pings: Mapping[str, Callable[[], float]]) -> None:
        """Keep the questions."""
        self._pings = dict(pings)
        self._observers: list[Callable[[str, ProbeResult], None]] = []
        self._out: dict[str, tuple[float, Future[float]]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, ping: Callable[[], float]) -> None:
        """Add a question."""
        self._pings[name] = ping

    def observe(self, observer: Callable[[str, ProbeResult], None]) -> None:
        """Tell `observer` each result from now on."""
        self._observers.append(observer)

    @property
    def names(self) -> tuple[str, ...]:
        """The stores that can be asked."""
        return tuple(self._pings)

    def measure(self, names: Iterable[str] | None = None, *, timeout: float = 3.0) -> dict[str, ProbeResult]:
        """Ask all named stores at the same time and return their answers after at most `timeout` seconds."""
        asked = {name: self._ask(name) for name in (names or self._pings)}
        deadline = time.monotonic() + timeout
        results = {name: _result(started, future, deadline) for name, (started, future) in asked.items()}
        for observer in self._observers:
            for name, result in results.items():
                observer(name, result)
        answered = _ANSWERED.get()
        if answered is not None:
            answered.update(name for name, result in results.items() if result.ok)
        return results

    def check(self, name: str, *, timeout: float) -> str:
        """Ask a store, unless it has answered in this request already; return why it can't be used, or nothing."""
        answered = _ANSWERED.get()
        if answered is not None and name in answered:
            return ""
        return self.measure([name], timeout=timeout)[name].error

    def _ask(self, name: str) -> tuple[float, Future[float]]:
        with self._lock:
            out = self._out.get(name)
            if out is None or out[1].done():
                out = self._out[name] = (time.monotonic(), in_thread(self._pings[name], f"probe-{name}"))
            return out


def _result(started: float, future: Future[float], deadline: float) -> ProbeResult:
    try:
        return ProbeResult(True, future.result(max(0.0, deadline - time.monotonic())))
    except FutureTimeoutError:
        waited = time.monotonic() - started
        return ProbeResult(False, waited, f"no answer for {waited:.1f} s")
    except DocgraphError as error:
        return ProbeResult(False, time.monotonic() - started, str(error) or type(error).__name__)


def in_thread(function: Callable[[], T], name: str) -> Future[T]:
    """Run `function` in a daemon thread of its own: a call that hangs delays neither other calls nor the end of the process."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it belongs to the one that waits for the result
            future.set_exception(error)

    # In the caller's context: what runs here belongs to the same request.
    threading.Thread(target=copy_context().run, args=(run,), name=name, daemon=True).start()
    return future
