"""Whether the database stood still while several statements read it: optimistic snapshots over a read-committed server.

A bookmark that Neo4j gives after a statement names the last *committed* transaction; a statement that is sent with a
bookmark waits until that transaction and all before it are *closed*, which means applied to nodes and to every index
(`TransactionIdTracker` of the server; "causal consistency" in the manual of the drivers). So if a row of statements, each
sent with the bookmark of the one before, gives one and the same bookmark, no transaction was being applied under any of them.
"""

from __future__ import annotations

import neo4j


class Stillness:
    """The bookmarks of a row of statements. Not shared between threads."""

    def __init__(self) -> None:
        self.bookmarks: neo4j.Bookmarks | None = None
        self._moved = False

    def begin(self) -> None:
        """Start a new row at the last statement's state."""
        self._moved = False

    def saw(self, bookmarks: neo4j.Bookmarks) -> None:
        """Note what a statement gave."""
        if self.bookmarks is not None and bookmarks.raw_values != self.bookmarks.raw_values:
            self._moved = True
        self.bookmarks = bookmarks

    @property
    def held(self) -> bool:
        """Whether all statements since `begin`, and the one before it, read one and the same state."""
        return self.bookmarks is not None and not self._moved
