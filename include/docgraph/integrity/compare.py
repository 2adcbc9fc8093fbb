"""Comparing the graph with the vector store: set by set, hash by hash. Reads only; repairing is `integrity.repair`'s.

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
from dataclasses import dataclass
from typing import Any

import numpy as np

from docgraph.domain.documents import COLLECTION_PREFIX, Committed, EmbeddingVersion, StoredPoint
from docgraph.integrity.comparison import Comparison, compare_one, examined, faults
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
    # applied under the hashes has moved its document for the read that comes last.
    runtime.graph.mark(stillness)
    before, tags = runtime.graph.committed_with_tags(document_ids, stillness=stillness)
    hashes = runtime.graph.section_hashes(document_ids, with_text=with_vectors, stillness=stillness)
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


def compare_dataset(
    runtime: Runtime,
    version: EmbeddingVersion,
    tag: str,
    *,
    with_vectors: bool = False,
    say: Say = _nothing,
    size: int | None = None,
    dataset: Mapping[str, Any] | None = None,
) -> Comparison:
    """Compare a whole dataset by merging two streams sorted by id; memory grows with what is wrong, and by 84 bytes a section.

    What differs at first sight is looked at again document by document, so that a commit between the two streams is no drift.
    Vectors that different texts share are computed again: all of them `with_vectors`, else some. `size` (about how many
    sections there are) and `dataset` (its node) are what the caller has read already.
    """
    result = Comparison(scope="dataset")
    twins = _Twins()
    suspects: set[str] = set()
    graph = runtime.graph.generations(tag, with_text=with_vectors, size=size)
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
            if live.text_hash is None or faults(point, live.document_id, live.text_hash, tag):
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
    _add_other_versions(runtime, version, tag, result, dataset)
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
        # Whether they are right can't be told without the model that made them; that it is unavailable is said elsewhere.
        return
    foreign = recompute(runtime.graph, runtime.vectors, runtime.embedder.serving(version.name), doubted).foreign
    result.vector += [i for i in foreign if i not in result.vector]
    result.documents |= {section.document_id for section in runtime.graph.sections(foreign).values()}


def _points_of_dataset(
    runtime: Runtime, version: EmbeddingVersion, tag: str, with_vectors: bool
) -> Iterator[StoredPoint]:
    return map(examined, runtime.vectors.scroll(version, tag=tag, with_vectors=with_vectors))


def other_versions(
    runtime: Runtime, version: EmbeddingVersion, tag: str, dataset: Mapping[str, Any] | None = None
) -> list[EmbeddingVersion]:
    """Return the embedding versions that have a collection but that the dataset neither uses nor builds nor keeps."""
    dataset = dataset or runtime.graph.dataset(tag) or {}
    used = {version.name, dataset.get("embedding_version"), dataset.get("building"), *dataset.get("kept", ())}
    names = (collection.removeprefix(COLLECTION_PREFIX) for collection in runtime.vectors.collections())
    return [EmbeddingVersion.named(name) for name in names if name not in used]


def _add_other_versions(
    runtime: Runtime, version: EmbeddingVersion, tag: str, result: Comparison, dataset: Mapping[str, Any] | None
) -> None:
    for other in other_versions(runtime, version, tag, dataset):
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
