"""Comparing the graph with the vector store: set by set, hash by hash. Reads only; mending is `parity.repair`'s.

Every point is live (in its document's generation), staged (fence above the document's, seen by nobody, no drift) or stray.
A document that moved while it was compared is compared again, and what is found wrong is looked at twice, each time in an
order of reads that shows whether a commit was being applied under them (`stores.graph.stillness`). Between a commit and its
sweep, the points of the generation before are where strays would be: while a job of the document is open, and for a moment
after that, they are work in progress. So neither that nor a torn read is ever called drift.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from docgraph.domain.documents import COLLECTION_PREFIX, Committed, EmbeddingVersion, StoredPoint
from docgraph.domain.identity import vector_hash
from docgraph.domain.protocol import PointState, classify_point, drift_pct
from docgraph.integrity.recompute import recompute
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph.auditing import LiveSection
from docgraph.stores.graph.stillness import Stillness

#: How often a document that keeps moving is compared again before it is reported as unsettled.
MAX_ROUNDS = 30
#: Seconds between two looks at what seems wrong.
PAUSE = 0.1
#: Seconds for which a stray must have stood still to be one: a repair sweeps this soon after its commit, without a job.
STRAY_SECONDS = 1.0
_DOCUMENTS_AT_ONCE = 100
_TWINS_LOOKED_AT = 64
_SAID_EVERY = 5000

#: Told how many sections have been compared.
Say = Callable[[int], None]


def _nothing(done: int) -> None:
    del done


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


@dataclass(frozen=True, slots=True)
class Look:
    """What one document showed, and whether it moved meanwhile."""

    document: Committed
    found: Comparison
    #: The highest fence among the document's points, and those that hold the place of one.
    highest_fence: int
    moved: bool


def compare_documents(
    runtime: Runtime,
    version: EmbeddingVersion,
    document_ids: Sequence[str],
    *,
    with_vectors: bool = True,
    say: Say = _nothing,
) -> Comparison:
    """Compare documents in full: ids, payloads and texts, and (`with_vectors`) vectors and the graph's texts by hash."""
    whole = Comparison(scope="documents")
    wanted = list(dict.fromkeys(document_ids))
    for start in range(0, len(wanted), _DOCUMENTS_AT_ONCE):
        whole.add(_compare_settled(runtime, version, wanted[start : start + _DOCUMENTS_AT_ONCE], with_vectors))
        say(whole.graph_total)
    return whole


def _compare_settled(
    runtime: Runtime, version: EmbeddingVersion, document_ids: Sequence[str], with_vectors: bool
) -> Comparison:
    whole = Comparison(scope="documents")
    pending: dict[str, Look | None] = dict.fromkeys(document_ids)
    since: dict[str, float] = {}
    for _ in range(MAX_ROUNDS):
        for document_id, seen in look(runtime, version, list(pending), with_vectors=with_vectors).items():
            if seen.found.stray and _is_at_work(runtime, document_id):
                seen.found.wait_for_sweep()
            now = time.monotonic()
            if seen.moved or seen != pending[document_id]:
                since[document_id] = now
            stands = not seen.moved and seen == pending[document_id]
            if stands and seen.found.stray:
                stands = now - since[document_id] >= STRAY_SECONDS
            if stands or (seen.found.is_equal and not seen.moved):
                whole.add(seen.found)
                del pending[document_id]
            else:
                pending[document_id] = None if seen.moved else seen
        if not pending:
            return whole
        time.sleep(PAUSE)
    whole.unsettled += sorted(pending)
    whole.documents |= set(pending)
    return whole


def _is_at_work(runtime: Runtime, document_id: str) -> bool:
    """Whether a job of the document is open: it will sweep after its commit, or its own report tells what is left."""
    newest = runtime.state.jobs.newest(document_id)
    return newest is not None and not newest.status.is_final


def look(
    runtime: Runtime, version: EmbeddingVersion, document_ids: Sequence[str], *, with_vectors: bool
) -> dict[str, Look]:
    """Compare each of the documents once; what is found wrong may be a torn read."""
    stillness = Stillness()
    # Each statement waits until all is applied that was committed when the one before it ended. So a commit that was being
    # applied under the hashes has moved its document for whoever reads it last.
    runtime.graph.mark(stillness)
    before = runtime.graph.committed_many(document_ids, stillness=stillness)
    hashes = runtime.graph.section_hashes(document_ids, with_text=with_vectors, stillness=stillness)
    tags = runtime.graph.tags_of(document_ids)
    points = points_of(runtime, version, document_ids, with_vectors=with_vectors)
    found = {i: compare_one(before[i], hashes[i], points[i], tag=tags.get(i)) for i in document_ids}
    # A point whose payload names another document is there all the same: wrong rather than missing.
    misplaced = _retrieve(runtime, version, [section for each in found.values() for section in each.missing])
    looks = {}
    after = runtime.graph.committed_many(document_ids, stillness=stillness)
    for i in document_ids:
        here = [misplaced[section] for section in found[i].missing if section in misplaced]
        found[i].payload = sorted([*found[i].payload, *(point.section_id for point in here)])
        found[i].missing = [section for section in found[i].missing if section not in misplaced]
        looks[i] = Look(
            document=after[i],
            found=found[i],
            highest_fence=max((point.fence for point in [*points[i], *here]), default=0),
            moved=before[i] != after[i],
        )
    return looks


def _retrieve(runtime: Runtime, version: EmbeddingVersion, section_ids: Sequence[str]) -> dict[str, StoredPoint]:
    return runtime.vectors.retrieve(version, section_ids) if section_ids else {}


def points_of(
    runtime: Runtime, version: EmbeddingVersion, document_ids: Sequence[str], *, with_vectors: bool
) -> dict[str, list[StoredPoint]]:
    """Return the points of each of the documents, their vectors already examined; none where there is no collection."""
    points: dict[str, list[StoredPoint]] = {i: [] for i in document_ids}
    for point in runtime.vectors.scroll(version, document_ids=list(document_ids), with_vectors=with_vectors):
        points[point.document_id].append(examined(point))
    return points


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
                for kind in _faults(point, document.document_id, text_hashes.get(point.section_id), tag):
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


def _faults(point: StoredPoint, document_id: str, text_hash: str | None, tag: str | None) -> list[str]:
    """Name what is wrong with a live point; a damaged Section node (no text hash) says nothing about its point."""
    faults = []
    if point.document_id != document_id or tag not in {None, point.tag}:
        faults.append("payload")
    if text_hash and point.text_hash != text_hash:
        faults.append("text")
    if not point.vector_hash:
        faults.append("vector")
    return faults


def compare_dataset(
    runtime: Runtime, version: EmbeddingVersion, tag: str, *, with_vectors: bool = False, say: Say = _nothing
) -> Comparison:
    """Compare a whole dataset by merging two streams sorted by id; memory grows with what is wrong, and by 84 bytes a section.

    What differs at first sight is looked at again document by document, so that a commit between the two streams is no drift.
    Vectors that different texts share are computed again: all of them `with_vectors`, else some.
    """
    result = Comparison(scope="dataset")
    twins = _Twins()
    suspects: set[str] = set()
    graph = runtime.graph.live_sections(tag, with_text=with_vectors)
    points = _points_of_dataset(runtime, version, tag, with_vectors)
    previous = ""
    for live, point in _merge(graph, points):
        if live is not None:
            result.graph_total += 1
            if result.graph_total % _SAID_EVERY == 0:
                say(result.graph_total)
            if live.section_id == previous:
                # The other generation that names it is a suspect too, if it is another document's: its own id says so.
                result.duplicate.append(live.section_id)
                result.documents.add(live.document_id)
            previous = live.section_id
        if live is not None and point is not None:
            if live.text_hash is None or _faults(point, live.document_id, live.text_hash, tag):
                suspects.add(live.document_id)
            else:
                twins.add(point)
        elif live is not None:
            suspects.add(live.document_id)
        elif point is not None and point.document_id:
            suspects.add(point.document_id)
        elif point is not None:
            result.stray.append(point.section_id)
            result.documents.add("")
    suspects |= runtime.graph.inconsistent_documents(tag)
    say(result.graph_total)
    found = compare_documents(runtime, version, sorted(suspects), with_vectors=with_vectors)
    result.widen(found)
    # Not what the merge counted: between its two streams a document may have changed.
    result.vector_total = result.graph_total - len(result.missing) + len(result.stray)
    doubted = twins.found()
    _add_foreign_vectors(runtime, version, doubted if with_vectors else doubted[:_TWINS_LOOKED_AT], result)
    _add_other_versions(runtime, version, tag, result)
    return result


class _Twins:
    """Points of different texts that have the very same vector: rightly so, or because a broken embedder made them.

    Packed, 84 bytes a point: it is all that a comparison keeps of what is as it should be.
    """

    _ROW = np.dtype([("vector", "S32"), ("text", "S16"), ("section_id", "S36")])

    def __init__(self) -> None:
        self._rows = bytearray()

    def add(self, point: StoredPoint) -> None:
        """Take note of a point."""
        row = (point.vector_hash.encode(), point.text_hash.encode(), point.section_id.encode())
        self._rows += struct.pack("32s16s36s", *row)

    def found(self) -> list[str]:
        """Return the ids of those whose text is not that of the first one with their vector, and of that one, sorted."""
        rows = np.frombuffer(self._rows, self._ROW)
        _, first, which = np.unique(rows["vector"], return_index=True, return_inverse=True)
        firsts = first[which]
        twins = rows["text"] != rows["text"][firsts]
        ids = np.concatenate([rows["section_id"][twins], rows["section_id"][firsts[twins]]])
        return [section_id.decode() for section_id in np.unique(ids)]


def _add_foreign_vectors(
    runtime: Runtime, version: EmbeddingVersion, doubted: Sequence[str], result: Comparison
) -> None:
    if not doubted or version.name not in {served.name for served in runtime.embedder.served()}:
        # Whether they are right can't be told without the model that made them; that it is away is said elsewhere.
        return
    foreign = recompute(runtime.graph, runtime.vectors, runtime.embedder.serving(version.name), doubted).foreign
    result.vector += [i for i in foreign if i not in result.vector]
    result.documents |= {section.document_id for section in runtime.graph.sections(foreign).values()}


def _points_of_dataset(
    runtime: Runtime, version: EmbeddingVersion, tag: str, with_vectors: bool
) -> Iterator[StoredPoint]:
    return map(examined, runtime.vectors.scroll(version, tag=tag, with_vectors=with_vectors))


def other_versions(runtime: Runtime, version: EmbeddingVersion, tag: str) -> list[EmbeddingVersion]:
    """Return the embedding versions that have a collection but that the dataset neither uses nor builds nor keeps."""
    dataset = runtime.graph.dataset(tag) or {}
    used = {version.name, dataset.get("embedding_version"), dataset.get("building"), *dataset.get("kept", ())}
    names = (collection.removeprefix(COLLECTION_PREFIX) for collection in runtime.vectors.collections())
    return [EmbeddingVersion.named(name) for name in names if name not in used]


def _add_other_versions(runtime: Runtime, version: EmbeddingVersion, tag: str, result: Comparison) -> None:
    for other in other_versions(runtime, version, tag):
        for point in runtime.vectors.scroll(other, tag=tag):
            result.other_version.append(point.section_id)
            result.documents.add(point.document_id)


def _merge(
    left: Iterable[LiveSection], right: Iterable[StoredPoint]
) -> Iterator[tuple[LiveSection | None, StoredPoint | None]]:
    """Merge two streams sorted by `section_id` into pairs; None stands for the side that lacks an id.

    The graph orders ids as text and Qdrant as numbers: the same order, because they are lower-case UUIDs of one length.
    """
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
