"""The duties that one replica does for all: dispatcher, reaper and gatekeeper, each in a thread, under one Redis lease.

The lease keeps replicas from getting into each other's way; what each duty does is safe without it too. A round that fails
is logged and done again at the next interval.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from docgraph.domain.errors import DocgraphError
from docgraph.state import Lease
from ingestion_service.metrics import ServiceMetrics

LEASE_SECONDS = 15.0
_JOIN_SECONDS = 3.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do again and again: `tick` every `interval` seconds, only under the lease or on every replica."""

    name: str
    interval: float
    tick: Callable[[], None]
    leased: bool = True


class Duties:
    """The threads; `start` once, `stop` once."""

    def __init__(self, lease: Lease, duties: Sequence[Duty], metrics: ServiceMetrics) -> None:
        """Prepare the threads."""
        self._lease = lease
        self._metrics = metrics
        self._stop = threading.Event()
        self._held = threading.Event()
        self._failing: set[str] = set()
        self._threads = [threading.Thread(target=self._keep_lease, name="duty-lease", daemon=True)]
        self._threads += [
            threading.Thread(target=self._do, args=(duty,), name=f"duty-{duty.name}", daemon=True) for duty in duties
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the rounds under way (waiting some seconds at most) and give the lease back, so that another replica goes on."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        if self._held.is_set():
            self._round("lease", self._lease.release)

    def _keep_lease(self) -> None:
        while not self._stop.is_set():
            self._round("lease", self._acquire)
            self._stop.wait(LEASE_SECONDS / 3)

    def _acquire(self) -> None:
        try:
            held = self._lease.acquire()
        except DocgraphError:
            self._set_held(False)
            raise
        self._set_held(held)

    def _set_held(self, held: bool) -> None:
        if held != self._held.is_set():
            _log.info("This replica %s the duties.", "takes" if held else "gives up")
        self._metrics.lease_held.set(1 if held else 0)
        if held:
            self._held.set()
        else:
            self._held.clear()

    def _do(self, duty: Duty) -> None:
        while not self._stop.wait(duty.interval):
            if self._held.is_set() or not duty.leased:
                self._round(duty.name, duty.tick)

    def _round(self, name: str, tick: Callable[[], None]) -> None:
        try:
            tick()
        except DocgraphError as error:
            self._metrics.duty_errors.labels(name).inc()
            # Said once for as long as it lasts: a store that is down for an hour needs no thousand lines.
            if name not in self._failing:
                _log.warning("%s: %s", name, error)
            self._failing.add(name)
        except Exception:  # noqa: BLE001 - a duty that dies unnoticed would be worse than one that is logged and repeated
            self._metrics.duty_errors.labels(name).inc()
            _log.exception("%s failed unexpectedly; it goes on with the next round.", name)
        else:
            if name in self._failing:
                _log.info("%s works again.", name)
            self._failing.discard(name)
