"""Programs that do real work on the real stores one request at a time: a test says who goes next, who dies, what arrives late.

A program is a thread that runs the real code. Before each request that the commit protocol speaks of it stops and waits for
an order. Nothing is imitated: an order lets the real request go out, keeps it back, or takes the answer away.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from docgraph.domain.errors import StoreUnavailableError
from docgraph.runtime.connections import Runtime

#: The requests that a program stops before, by the part of the runtime that sends them.
STEPS: Mapping[str, frozenset[str]] = {
    "graph": frozenset({"committed", "committed_many", "commit", "advance_fence"}),
    "vectors": frozenset({"stage", "sweep", "retrieve"}),
    "jobs": frozenset({"claim", "begin_stage", "next_fence", "set_checkpoint", "complete"}),
}
_PATIENCE_SECONDS = 120.0


class Order(Enum):
    """What becomes of the request that a program has stopped before."""

    GO = "is applied"
    DIE_BEFORE = "is never sent: the program is killed"
    DIE_AFTER = "is applied, but the program is killed before the answer"
    LOSE_ANSWER = "is applied, but its answer is lost"
    KEEP_AND_DIE = "is under way, and the program is killed"
    KEEP_AND_TIME_OUT = "is under way, and the program gives up waiting"

    @property
    def keeps(self) -> bool:
        """Whether the request is applied later, if at all."""
        return self in {Order.KEEP_AND_DIE, Order.KEEP_AND_TIME_OUT}


class KilledError(BaseException):
    """The process of the program is gone: no handler of ours may run."""


@dataclass(frozen=True)
class Request:
    """A request that is about to go out; `apply` sends it to the real store."""

    program: str
    name: str
    apply: Callable[[], Any]

    def __str__(self) -> str:
        return f"{self.name} of {self.program}"


class Program:
    """One process at work: a thread that waits for an order before each of its requests."""

    def __init__(self, name: str, shared: Runtime, work: Callable[[Runtime], object]) -> None:
        """Start the thread; it runs up to its first request."""
        self.name = name
        self.waiting: Request | None = None
        self.error: BaseException | None = None
        self._orders: queue.Queue[Order] = queue.Queue()
        self._stopped: queue.Queue[Request | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, args=(_SteppedRuntime(shared, self._step), work), daemon=True)
        self._thread.start()
        self._await_stop()

    @property
    def is_alive(self) -> bool:
        """Whether it has stopped before a request, and not ended."""
        return self.waiting is not None

    def obey(self, order: Order) -> Request:
        """Carry out the order, and run on to the next request or the end; returns the request that the order was about."""
        request = self.waiting
        assert request is not None, f"{self.name} has ended"
        self._orders.put(order)
        self._await_stop()
        return request

    def kill(self) -> None:
        """End it before its next request."""
        if self.is_alive:
            self.obey(Order.DIE_BEFORE)

    def _await_stop(self) -> None:
        self.waiting = self._stopped.get(timeout=_PATIENCE_SECONDS)
        if self.waiting is None:
            self._thread.join(_PATIENCE_SECONDS)

    def _run(self, runtime: Runtime, work: Callable[[Runtime], object]) -> None:
        try:
            work(runtime)
        except KilledError:
            pass
        except BaseException as error:
            self.error = error
        self._stopped.put(None)

    def _step(self, name: str, apply: Callable[[], Any]) -> Any:
        self._stopped.put(Request(self.name, name, apply))
        order = self._orders.get()
        if order in {Order.DIE_BEFORE, Order.KEEP_AND_DIE}:
            raise KilledError
        if order is not Order.KEEP_AND_TIME_OUT:
            answer = apply()
        if order is Order.DIE_AFTER:
            raise KilledError
        if order in {Order.LOSE_ANSWER, Order.KEEP_AND_TIME_OUT}:
            raise StoreUnavailableError(f"The answer to {name} did not arrive.")
        return answer


Step = Callable[[str, Callable[[], Any]], Any]


class _Stepped:
    """A part of the runtime whose named methods stop before they go out; everything else passes."""

    def __init__(self, inner: Any, name: str, step: Step, **parts: Any) -> None:
        self._inner, self._name, self._step = inner, name, step
        self.__dict__.update(parts)

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._inner, attribute)
        if attribute not in STEPS.get(self._name, ()):
            return found

        def stopping(*args: Any, **kwargs: Any) -> Any:
            return self._step(f"{self._name}.{attribute}", lambda: found(*args, **kwargs))

        return stopping


class _SteppedRuntime(Runtime):
    """The connections of another runtime, with stops in them."""

    def __init__(self, shared: Runtime, step: Step) -> None:
        super().__init__(shared.settings)
        jobs = _Stepped(shared.state.jobs, "jobs", step)
        self.__dict__.update(
            graph=_Stepped(shared.graph, "graph", step),
            vectors=_Stepped(shared.vectors, "vectors", step),
            state=_Stepped(shared.state, "state", step, jobs=jobs),
            embedder=shared.embedder,
            snapshots=shared.snapshots,
            artifacts=shared.artifacts,
            journal=shared.journal,
            config=shared.config,
        )
