"""A source that holds its documents in memory and mirrors them: for tests, those of plug-ins among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from docgraph.domain.identity import content_hash
from docgraph.sources.base import Change, Cursor, Location, Place, SyncPlan


@dataclass(frozen=True, slots=True)
class _Held:
    data: bytes
    version: str

    def chunks(self) -> Iterable[bytes]:
        """Give the bytes."""
        yield self.data


class MemorySource:
    """Documents by name; what is put, replaced or removed shows as a change until it is settled."""

    remembers = True

    def __init__(self, name: str, tag: str) -> None:
        """Make an empty source of this name for a dataset."""
        self.name = name
        self._tag = tag
        self._prefix = f"memory://{name}/"
        self._held: dict[str, _Held] = {}

    def put(self, name: str, data: bytes, version: str = "") -> str:
        """Put a document, or replace it; returns its address. Its version follows from its bytes where none is given."""
        uri = self._prefix + name
        self._held[uri] = _Held(data, version or content_hash(data.hex()))
        return uri

    def remove(self, name: str) -> None:
        """Remove a document."""
        del self._held[self._prefix + name]

    def plan(self, cursor: Cursor) -> SyncPlan:
        """Return what differs from the cursor."""
        return SyncPlan.between(self.name, cursor, {uri: held.version for uri, held in self._held.items()})

    def covers(self, uri: str) -> bool:
        """Tell whether the address is one of this source's."""
        return uri.startswith(self._prefix)

    def poll(self, cursor: Cursor) -> list[str] | None:
        """Look whether something differs from the cursor."""
        return None if self.plan(cursor).is_empty else []

    def changes(self, cursor: Cursor, seen: Collection[str] = ()) -> Iterator[Change]:
        """Yield what differs from the cursor: added and changed documents, then removed ones."""
        del seen
        plan = self.plan(cursor)
        for uri in (*plan.added, *plan.changed):
            held = self._held[uri]
            yield Change(uri, self._tag, held.version, open=held.chunks)
        for uri in plan.removed:
            yield Change(uri, self._tag, "", deleted=True)

    def settle(self, change: Change) -> None:
        """Do nothing: the cursor says what is settled."""

    def locate(self, uri: str) -> Location:
        """Return whether the document is there."""
        place = Place.WAITING if uri in self._held else Place.ABSENT
        return Location(place, uri.removeprefix(self._prefix), self._tag)

    def remove_settled(self, older_than_seconds: float) -> int:
        """Remove nothing: no original is put aside."""
        del older_than_seconds
        return 0
