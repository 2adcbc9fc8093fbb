"""Which states stand still, by a clock that nobody sets.

A file's times say it only while nobody sets the wall clock: put forward, it makes half of a file look old; put back, it makes a
complete one look as if it came from tomorrow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable


class Stillness:
    """Sees which states last; asked again and again, it learns."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Call a state still that was there for `seconds`."""
        self._seconds = seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def of(self, states: Iterable[str]) -> list[str]:
        """Return those of the states that are there for long enough; a state that was gone in between starts anew."""
        present = self._clock()
        self._since = {state: self._since.get(state, present) for state in states}
        return [state for state, since in self._since.items() if present - since >= self._seconds]
