"""When web servers may be asked: no faster than agreed, and not at all while one is busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """When each host may be asked next."""

    #: Seconds between the beginnings of two requests to a host.
    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: dict[str, float] = field(default_factory=dict)
    _slower: dict[str, float] = field(default_factory=dict)
    _busy_until: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def slow_down(self, origin: str, seconds: float) -> None:
        """Leave more time between requests to a host, as its owner wishes."""
        self._slower[origin] = seconds

    def busy(self, origin: str, seconds: float) -> None:
        """Leave a host alone for so long."""
        self._busy_until[origin] = self.clock() + seconds

    def wait(self, origin: str, patience: float) -> float:
        """Wait for a host's turn, and return 0; where it wants to be left alone beyond that patience, return for how long at once."""
        with self._lock:
            present = self.clock()
            left_alone = self._busy_until.get(origin, present)
            if left_alone - present > patience:
                return left_alone - present
            turn = max(self._next.get(origin, present), left_alone, present)
            self._next[origin] = turn + max(self.seconds, self._slower.get(origin, 0.0))
        if turn > present:
            self.sleep(turn - present)
        return 0.0
