"""Whether the database stood still while several statements read it: optimistic snapshots over a read-committed server.

A bookmark that Neo4j gives after a statement names the last *committed* transaction; a statement that is sent with a
bookmark waits until that transaction and all before it are *closed*, which means applied to nodes and to every index
(`TransactionIdTracker` of the server; "causal consistency" in the manual of the drivers). So if a row of statements, each
sent with the bookmark of the one before, gives one and the same bookmark, no transaction was being applied under any of them.
"""

from __future__ import annotations

import time

import neo4j

#: Seconds after which a database that did not stand still is taken for quiet again.
RESTLESS_SECONDS = 30.0


class Stillness:
    """The bookmarks of a row of statements. Not shared between threads.

    Chained, each statement is sent with the bookmark of the one before, and waits for what that one could see. Otherwise all
    of them are sent with the bookmark at which the row began: they wait once, not for every commit that comes in meanwhile;
    what they may have met is waited for by the first statement after the next `begin`.
    """

    def __init__(self, *, chained: bool = True) -> None:
        self._chained = chained
        self._sent: neo4j.Bookmarks | None = None
        self._seen: neo4j.Bookmarks | None = None
        self._last: neo4j.Bookmarks | None = None
        self._moved = False

    @property
    def bookmarks(self) -> neo4j.Bookmarks | None:
        """What the next statement is to be sent with."""
        return self._sent

    def begin(self) -> None:
        """Start a new row at the last statement's state."""
        self._moved = False
        self._sent = self._seen

    def saw(self, bookmarks: neo4j.Bookmarks) -> None:
        """Note what a statement gave."""
        if self._last is not None and bookmarks.raw_values != self._last.raw_values:
            self._moved = True
        # The first of a row has waited for all that was seen before it. Those after it may be answered by different members
        # of a cluster: what is waited for next is all that any of them may have met.
        if self._seen is None or self._seen is self._sent or self._chained:
            self._seen = bookmarks
        else:
            self._seen += bookmarks
        self._last = bookmarks
        if self._chained or self._sent is None:
            self._sent = self._seen

    @property
    def held(self) -> bool:
        """Whether all statements since `begin`, and the one before it, read one and the same state."""
        return self._last is not None and not self._moved


class Restlessness:
    """Whether the database was lately found not to stand still; a guess that saves a round and proves nothing."""

    def __init__(self) -> None:
        self._noted = float("-inf")

    def note(self) -> None:
        """Say that it did not."""
        self._noted = time.monotonic()

    @property
    def lately(self) -> bool:
        """Whether that was said within the last `RESTLESS_SECONDS`."""
        return time.monotonic() - self._noted < RESTLESS_SECONDS
