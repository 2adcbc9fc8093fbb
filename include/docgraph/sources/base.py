"""The port of sources: what every place that documents come from can do, whatever kind it is.

A source knows its own world and nothing of jobs: it says what has changed, gives the bytes, and lets go of an original once
it is told that the change is durable. `docgraph.ingest.taking` turns changes into jobs, `docgraph.airflow.watching` waits.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from docgraph.domain.errors import InfrastructureError
from docgraph.domain.identity import content_hash

#: What was settled last, of each address: its version. Kept by docgraph for the sources that ask for it.
Cursor = Mapping[str, str]


def _nothing() -> Iterable[bytes]:
    return ()


class ChangedMeanwhileError(InfrastructureError):
    """An original is no longer what the look at its source saw; the next look takes what it is then."""


@dataclass(frozen=True, slots=True)
class Change:
    """A document that is new, was changed, or has gone."""

    uri: str
    tag: str
    #: In the source's own terms; another text whenever the bytes may be others.
    version: str
    content_type: str = ""
    deleted: bool = False
    #: Gives the bytes. Raises DocumentError where they can't become a document, ChangedMeanwhileError where they are no longer
    #: those of this version, InfrastructureError where they can't be had now.
    open: Callable[[], Iterable[bytes]] = field(default=_nothing, compare=False)


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What has to be done so that a dataset says what its source says; a value that a person can approve and a run can own."""

    source: str
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    #: The version of each address that was added or changed.
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def between(cls, source: str, cursor: Cursor, present: Cursor) -> SyncPlan:
        """Compare what was settled with what there is; addresses come sorted."""
        added = sorted(present.keys() - cursor.keys())
        changed = sorted(uri for uri in present.keys() & cursor.keys() if present[uri] != cursor[uri])
        removed = sorted(cursor.keys() - present.keys())
        versions = {uri: present[uri] for uri in (*added, *changed)}
        return cls(source, tuple(added), tuple(changed), tuple(removed), versions)

    @property
    def plan_id(self) -> str:
        """SHA-256 (hex) of the plan: two looks at the same state give the same id."""
        changes = [f"{kind}\x1f{uri}\x1f{self.versions.get(uri, '')}" for kind, uris in self._kinds() for uri in uris]
        return content_hash(self.source, *changes)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.added or self.changed or self.removed)

    def _kinds(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (("added", self.added), ("changed", self.changed), ("removed", self.removed))


class Place(enum.StrEnum):
    """Where a document stands with its source."""

    #: It is there, complete, and will be taken.
    WAITING = "waiting"
    #: It is there, but may still be written to.
    SETTLING = "settling"
    #: It is there under a name that is never taken.
    IGNORED = "ignored"
    #: Only what announces it is there.
    ANNOUNCED_ONLY = "announced_only"
    #: It was taken, but isn't durable yet.
    CLAIMED = "claimed"
    #: It was taken, and the original is kept.
    SETTLED = "settled"
    #: The source has nothing under this address (any more).
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Location:
    """What a source knows of one of its addresses."""

    place: Place
    #: The document's name within the source, as a person writes it.
    name: str
    #: The dataset into which the source would put it.
    tag: str
    #: The file, where the source has files.
    path: Path | None = None
    #: Seconds since it was last written to, and for how long it has to stand still; of a document that is settling.
    age: float = 0.0
    settle: float = 0.0


class Source(Protocol):
    """A place that documents come from.

    Implementations pass `support.unit.source_conformance`.
    """

    @property
    def name(self) -> str:
        """The name under which it is configured."""

    @property
    def remembers(self) -> bool:
        """Whether docgraph keeps a cursor for it; a source that lets go of what it gave needs none."""

    def covers(self, uri: str) -> bool:
        """Tell whether the address is one of this source's."""

    def poll(self, cursor: Cursor) -> list[str] | None:
        """Look whether something has changed; None: nothing. What it returns is given to `changes` as `seen`.

        Called again and again on one object, in the triggerer, where it may learn from what it saw before.
        """

    def changes(self, cursor: Cursor, seen: Collection[str] = ()) -> Iterable[Change]:
        """Yield what has changed, oldest first; what was yielded and not settled is yielded again by the next call.

        Raises:
            InfrastructureError: the source can't be reached.
        """

    def settle(self, change: Change) -> None:
        """Let go of the original: its bytes are durable, and a job stands for it. Repeated, it does nothing more."""

    def locate(self, uri: str) -> Location:
        """Return what the source knows of one of its addresses, for people who look for a document."""

    def remove_settled(self, older_than_seconds: float) -> int:
        """Remove originals that were settled longer ago than this, where the source keeps any; returns how many."""


def covering(sources: Sequence[Source], uri: str) -> Source | None:
    """Return the source whose address this is."""
    return next((source for source in sources if source.covers(uri)), None)
