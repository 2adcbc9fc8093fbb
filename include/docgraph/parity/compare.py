"""Comparing the graph with the vector store: set by set, hash by hash. Reads only; mending is `parity.repair`'s.

Every point is live (in its document's generation), staged (fence above the document's, seen by nobody, no drift) or stray.
A document whose fence moved while it was compared is compared again, so that work in progress is never called drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from docgraph.model.documents import Committed, EmbeddingVersion, StoredPoint
from docgraph.model.identity import vector_hash
from docgraph.model.protocol import PointState, classify_point, drift_pct
from docgraph.runtime import Runtime
from docgraph.stores.graph.auditing import LiveSection

#: How often a document that keeps moving is compared again before it is reported as unsettled.
MAX_ROUNDS = 10
_DOCUMENTS_AT_ONCE = 200


@dataclass(slots=True)
class Comparison:
    """What a comparison found; the lists hold section ids. `compared` counts the ids of generations that were looked at."""

    scope: str
    graph_total: int = 0
    vector_total: int = 0
    missing: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    staged: list[str] = field(default_factory=list)
    #: Points whose text hash, vector hash, tag or document differ from what their section id determines.
    mismatched: list[str] = field(default_factory=list)
    #: Ids at which the graph disagrees with itself: a generation names a Section node that isn't there, or the other way round.
    broken: list[str] = field(default_factory=list)
    #: Documents that never stood still long enough to be compared.
    unsettled: list[str] = field(default_factory=list)
    #: Documents that something was found in.
    documents: set[str] = field(default_factory=set)

    @property
    def drift_pct(self) -> float:
        """`100 · |missing ∪ stray ∪ mismatched ∪ broken| / |graph ids|`."""
        return drift_pct([*self.missing, *self.mismatched, *self.broken], self.stray, self.graph_total)

    @property
    def is_equal(self) -> bool:
        """Whether both stores hold the same set, with the same contents."""
        return not (self.missing or self.stray or self.mismatched or self.broken or self.unsettled)

    def add(self, other: Comparison) -> None:
        """Take in what another comparison found."""
        self.graph_total += other.graph_total
        self.vector_total += other.vector_total
        for name in ("missing", "stray", "staged", "mismatched", "broken", "unsettled"):
            getattr(self, name).extend(getattr(other, name))
        self.documents |= other.documents


def compare_documents(runtime: Runtime, version: EmbeddingVersion, document_ids: Sequence[str]) -> Comparison:
    """Compare documents in full: ids, payloads, and vectors by hash."""
    whole = Comparison(scope="documents")
    for document_id in document_ids:
        whole.add(_compare_settled(runtime, version, document_id))
    return whole


def _compare_settled(runtime: Runtime, version: EmbeddingVersion, document_id: str) -> Comparison:
    before = runtime.graph.committed(document_id)
    for _ in range(MAX_ROUNDS):
        hashes = runtime.graph.section_hashes([document_id])[document_id]
        points = list(runtime.vectors.scroll(version, document_id=document_id, with_vectors=True))
        after = runtime.graph.committed(document_id)
        if (before.fence, before.owner) == (after.fence, after.owner):
            return compare_one(before, hashes, points)
        before = after
    return Comparison(scope="documents", unsettled=[document_id], documents={document_id})


def compare_one(document: Committed, text_hashes: dict[str, str], points: Iterable[StoredPoint]) -> Comparison:
    """Compare one document's generation with its Section nodes (id → text hash) and its points. Pure."""
    generation = set(document.generation)
    result = Comparison(scope="documents", graph_total=len(generation))
    present: set[str] = set()
    for point in points:
        match classify_point(point.section_id, point.fence, document if document.fence else None):
            case PointState.LIVE:
                present.add(point.section_id)
                result.vector_total += 1
                if not _is_sound(point, document.document_id, text_hashes.get(point.section_id)):
                    result.mismatched.append(point.section_id)
            case PointState.STAGED:
                result.staged.append(point.section_id)
            case PointState.STRAY:
                result.vector_total += 1
                result.stray.append(point.section_id)
    result.missing = [i for i in document.generation if i not in present]
    result.broken = sorted(generation ^ set(text_hashes))
    if not result.is_equal:
        result.documents.add(document.document_id)
    return result


def _is_sound(point: StoredPoint, document_id: str, text_hash: str | None) -> bool:
    if point.document_id != document_id or (text_hash is not None and point.text_hash != text_hash):
        return False
    return point.vector is None or vector_hash(point.vector) == point.vector_hash


def compare_dataset(runtime: Runtime, version: EmbeddingVersion, tag: str, *, with_vectors: bool = False) -> Comparison:
    """Compare a whole dataset by merging two streams sorted by id; memory does not grow with the dataset.

    What differs at first sight is looked at again document by document, so that a commit between the two streams is no drift.
    """
    result = Comparison(scope="dataset")
    suspects: set[str] = set()
    graph = runtime.graph.live_sections(tag)
    points = runtime.vectors.scroll(version, tag=tag, with_vectors=with_vectors)
    for live, point in _merge(graph, points):
        if live is not None:
            result.graph_total += 1
        if live is not None and point is not None:
            result.vector_total += 1
            if live.text_hash is None or not _is_sound(point, live.document_id, live.text_hash):
                suspects.add(live.document_id)
        elif live is not None:
            suspects.add(live.document_id)
        elif point is not None:
            suspects.add(point.document_id)
    _add_suspects(runtime, version, result, sorted(suspects))
    result.broken += [i for i in runtime.graph.unreachable_sections(tag) if i not in set(result.broken)]
    return result


def _add_suspects(runtime: Runtime, version: EmbeddingVersion, result: Comparison, suspects: list[str]) -> None:
    for start in range(0, len(suspects), _DOCUMENTS_AT_ONCE):
        for document_id in suspects[start : start + _DOCUMENTS_AT_ONCE]:
            found = _compare_settled(runtime, version, document_id)
            # Totals were counted by the merge, which saw the missing as absent and the strays not at all.
            found.graph_total, found.vector_total = 0, len(found.stray)
            result.add(found)


def _merge(
    left: Iterable[LiveSection], right: Iterable[StoredPoint]
) -> Iterator[tuple[LiveSection | None, StoredPoint | None]]:
    """Merge two streams sorted by `section_id` into pairs; None stands for the side that lacks an id."""
    lefts, rights = iter(left), iter(right)
    a, b = next(lefts, None), next(rights, None)
    while a is not None or b is not None:
        key_a, key_b = getattr(a, "section_id", None), getattr(b, "section_id", None)
        if key_b is None or (key_a is not None and key_a < key_b):
            yield a, None
            a = next(lefts, None)
        elif key_a is None or key_b < key_a:
            yield None, b
            b = next(rights, None)
        else:
            yield a, b
            a, b = next(lefts, None), next(rights, None)
