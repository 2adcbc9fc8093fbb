"""Signs of life of the watch on sources, told to Redis from triggers and tasks without keeping these from looking."""

from __future__ import annotations

import functools
import logging
import threading
import time
from dataclasses import dataclass

from docgraph.airflow.connections import task_settings
from docgraph.domain.errors import DocgraphError
from docgraph.readiness.liveness import source_beat
from docgraph.state import State

#: Seconds between two signs that say the same: far below what counts as overdue, and no load for Redis.
EVERY_SECONDS = 5.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Told:
    at: float
    error: str
    claimed: bool


class Pulse:
    """Tells of each source at most every `EVERY_SECONDS`, and at once where something became bad or good again."""

    def __init__(self, state: State) -> None:
        """Tell through this connection."""
        self._state = state
        self._told: dict[str, _Told] = {}
        self._out: set[str] = set()
        self._lock = threading.Lock()

    def beat(self, source: str, every: float, error: str = "", claimed_age: float | None = None) -> None:
        """Say that a look at a source has ended; returns at once, and says nothing while the sign before is still under way."""
        sign = _Told(time.monotonic(), error, claimed_age is not None)
        with self._lock:
            before = self._told.get(source)
            is_news = before is None or (before.error, before.claimed) != (sign.error, sign.claimed)
            if source in self._out or not (is_news or sign.at - (before.at if before else 0.0) >= EVERY_SECONDS):
                return
            self._out.add(source)
        # A Redis that hangs would hold up the looks; what isn't told shows by itself.
        threading.Thread(target=self._tell, args=(source, every, sign, claimed_age), daemon=True).start()

    def is_telling(self, source: str) -> bool:
        """Whether a sign of this source is under way."""
        with self._lock:
            return source in self._out

    def _tell(self, source: str, every: float, sign: _Told, claimed_age: float | None) -> None:
        try:
            self._state.liveness.tell(source_beat(source), every=every, error=sign.error, claimed_age=claimed_age)
        except DocgraphError as error:
            logger.warning("No sign of life of %s: %s", source, error)
        else:
            self._told[source] = sign
        finally:
            with self._lock:
                self._out.discard(source)


@functools.cache
def pulse() -> Pulse:
    """Return this process' pulse.

    Raises:
        ConfigurationError: a setting or a connection can't be used as it is.
    """
    return Pulse(State.connect(task_settings().redis_url))
