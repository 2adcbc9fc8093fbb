"""What a comparison found, and how one document's generation, nodes and points are compared. Pure: it reads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from docgraph.domain.documents import Committed, StoredPoint
from docgraph.domain.identity import vector_hash
from docgraph.domain.protocol import PointState, classify_point, drift_pct


@dataclass(slots=True)
class Comparison:
    """What a comparison found; the lists hold section ids, sorted within each document."""

    scope: str
    graph_total: int = 0
    #: Points that are not staged.
    vector_total: int = 0
    #: Members of a generation without a point.
    missing: list[str] = field(default_factory=list)
    #: Points in no generation that no attempt may still commit.
    stray: list[str] = field(default_factory=list)
    #: Points in no generation yet: of work in progress, or garbage of an attempt that never committed.
    staged: list[str] = field(default_factory=list)
    #: Points whose tag or document is not that of their section.
    payload: list[str] = field(default_factory=list)
    #: Points embedded from another text than their section's.
    text: list[str] = field(default_factory=list)
    #: Points whose vector is not the one that was stored.
    vector: list[str] = field(default_factory=list)
    #: Ids at which the graph disagrees with itself: a generation names a Section node that is absent or damaged, or a node
    #: is in no generation.
    broken: list[str] = field(default_factory=list)
    #: Ids that generations name twice.
    duplicate: list[str] = field(default_factory=list)
    #: Points of the dataset under an embedding version that it does not use; nobody reads them, no drift.
    other_version: list[str] = field(default_factory=list)
    #: Documents that never stood still long enough to be compared.
    unsettled: list[str] = field(default_factory=list)
    #: Documents that something was found in, garbage included.
    documents: set[str] = field(default_factory=set)

    @property
    def mismatched(self) -> list[str]:
        """Points whose payload, text hash or vector differs from what their section id determines."""
        return list(dict.fromkeys([*self.payload, *self.text, *self.vector]))

    @property
    def inconsistent(self) -> list[str]:
        """Where the graph disagrees with itself."""
        return list(dict.fromkeys([*self.broken, *self.duplicate]))

    @property
    def drift_pct(self) -> float:
        """`100 · |missing ∪ stray ∪ mismatched ∪ inconsistent| / |graph ids|`."""
        return drift_pct([*self.missing, *self.mismatched, *self.inconsistent], self.stray, self.graph_total)

    @property
    def is_equal(self) -> bool:
        """Whether both stores hold the same set, with the same contents."""
        return not (self.missing or self.stray or self.mismatched or self.inconsistent or self.unsettled)

    @property
    def is_clean(self) -> bool:
        """Whether they are equal, and no garbage lies about either."""
        return self.is_equal and not (self.staged or self.other_version)

    def add(self, other: Comparison) -> None:
        """Take in what a comparison of other documents found."""
        self.graph_total += other.graph_total
        self.vector_total += other.vector_total
        self._extend(other)

    def wait_for_sweep(self) -> None:
        """Count the strays as work in progress."""
        self.staged = sorted([*self.staged, *self.stray])
        self.vector_total -= len(self.stray)
        self.stray = []

    def widen(self, other: Comparison) -> None:
        """Take in what another look at documents that are part of this comparison found beside it."""
        self._extend(other)
        for name in KINDS:
            setattr(self, name, list(dict.fromkeys(getattr(self, name))))

    def _extend(self, other: Comparison) -> None:
        for name in KINDS:
            getattr(self, name).extend(getattr(other, name))
        self.documents |= other.documents


#: The kinds of finding, in the order in which people are told.
KINDS = (
    "missing",
    "stray",
    "payload",
    "text",
    "vector",
    "broken",
    "duplicate",
    "unsettled",
    "staged",
    "other_version",
)


def examined(point: StoredPoint) -> StoredPoint:
    """Drop the vector once its hash is checked; a point without a vector hash is one whose vector is wrong."""
    if point.vector is None:
        return point
    return replace(point, vector=None, vector_hash=point.vector_hash if _vector_is_sound(point) else "")


def _vector_is_sound(point: StoredPoint) -> bool:
    return point.vector is not None and vector_hash(point.vector) == point.vector_hash


def compare_one(
    document: Committed, text_hashes: Mapping[str, str], points: Iterable[StoredPoint], *, tag: str | None = None
) -> Comparison:
    """Compare one document's generation with its Section nodes (id → text hash, "" for a damaged one) and its points. Pure."""
    members = set(document.generation)
    result = Comparison(scope="documents", graph_total=len(document.generation))
    present: set[str] = set()
    for point in map(examined, points):
        match classify_point(point.section_id, point.fence, document if document.fence else None):
            case PointState.LIVE:
                present.add(point.section_id)
                result.vector_total += 1
                for kind in faults(point, document.document_id, text_hashes.get(point.section_id), tag):
                    getattr(result, kind).append(point.section_id)
            case PointState.STAGED:
                result.staged.append(point.section_id)
            case PointState.STRAY:
                result.vector_total += 1
                result.stray.append(point.section_id)
    result.missing = sorted(members - present)
    damaged = {i for i, text_hash in text_hashes.items() if not text_hash}
    result.broken = sorted((members ^ set(text_hashes)) | damaged)
    if len(members) < len(document.generation):
        result.duplicate = sorted(i for i in members if document.generation.count(i) > 1)
    for name in KINDS:
        getattr(result, name).sort()
    if not result.is_clean:
        result.documents.add(document.document_id)
    return result


def faults(point: StoredPoint, document_id: str, text_hash: str | None, tag: str | None) -> list[str]:
    """Name what is wrong with a live point; a damaged Section node (no text hash) says nothing about its point."""
    faults = []
    if point.document_id != document_id or tag not in {None, point.tag}:
        faults.append("payload")
    if text_hash and point.text_hash != text_hash:
        faults.append("text")
    if not point.vector_hash:
        faults.append("vector")
    return faults
