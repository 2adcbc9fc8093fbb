"""Mending the vector store from the graph: after a commit (rule 4 of the protocol), and for audits (rule 5).

Nothing is deleted or overwritten but under a fence that the Document holds. A repair that was not verified again is a
failure. Text comes from the graph, so that no artifact is needed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence

from docgraph.errors import StaleAttemptError, WorldError
from docgraph.model.documents import EmbeddingVersion, Point, embedded_text
from docgraph.model.identity import text_hash, vector_hash
from docgraph.model.protocol import Attempt, CommitDecision, may_sweep
from docgraph.parity.compare import Comparison, compare_one
from docgraph.runtime import Runtime

logger = logging.getLogger(__name__)
#: How often a repair starts again because somebody committed in between.
MAX_ROUNDS = 8


def verify_generation(runtime: Runtime, version: EmbeddingVersion, document_id: str, attempt: Attempt) -> None:
    """Make sure that every section of the committed generation has its point, staging once more what is missing.

    Ends without a word when the document has moved on to another attempt: verifying is that one's duty then.

    Raises:
        WorldError: points still differ after they were mended.
    """
    found = _compare(runtime, version, document_id, attempt)
    if found is None or not (found.missing or found.mismatched):
        return
    logger.warning(
        "document %s: %d points missing, %d differ; staging them again",
        document_id,
        len(found.missing),
        len(found.mismatched),
    )
    if found.mismatched:
        # The upsert's condition respects a point of the same fence, however wrong it is: mend under a higher one.
        repair_document(runtime, version, document_id)
        return
    stage_from_graph(runtime, version, attempt, found.missing)
    again = _compare(runtime, version, document_id, attempt)
    if again is not None and (again.missing or again.mismatched):
        raise WorldError(
            f"Document {document_id}: {len(again.missing) + len(again.mismatched)} points still differ from the graph "
            "after they were staged again; look at Qdrant's log, then run `ingestctl repair`."
        )


def repair_document(runtime: Runtime, version: EmbeddingVersion, document_id: str) -> Comparison:
    """Make one document's points equal its generation, garbage of attempts that never committed included.

    Commits a new fence above every fence found, with the generation unchanged, and mends and sweeps under it; returns
    what the last comparison found, which is equal.

    Raises:
        StaleAttemptError: others kept committing; ask again.
        WorldError: the points still differ afterwards.
    """
    for _ in range(MAX_ROUNDS):
        document = runtime.graph.committed(document_id)
        points = list(runtime.vectors.scroll(version, document_id=document_id, with_vectors=True))
        hashes = runtime.graph.section_hashes([document_id])[document_id]
        found = compare_one(document, hashes, points)
        if found.is_equal and not found.staged:
            return found
        highest = max([document.fence, *(point.fence for point in points)])
        fence = runtime.state.jobs.next_fence(document_id, highest)
        attempt = Attempt(document_id, uuid.uuid4().hex, fence, document.version, document.generation)
        tag = _tag_of(runtime, document_id, [point.tag for point in points])
        result = runtime.graph.advance_fence(
            document_id, tag, fence=fence, owner=attempt.owner, generation=document.generation
        )
        if result.decision is not CommitDecision.COMMIT:
            continue
        stage_from_graph(runtime, version, attempt, [*found.missing, *found.mismatched])
        if may_sweep(runtime.graph.committed(document_id), fence, attempt.owner):
            runtime.vectors.sweep(version, document_id, fence, document.generation)
        again = _compare(runtime, version, document_id, attempt)
        if again is None:
            continue
        if not again.is_equal:
            raise WorldError(
                f"Document {document_id} still differs after its repair: {len(again.missing)} points missing, "
                f"{len(again.mismatched)} wrong, {len(again.stray)} stray, {len(again.broken)} sections broken in the graph. "
                "Where the graph itself is broken, ingest the document again."
            )
        return again
    raise StaleAttemptError(f"Document {document_id} kept changing while it was repaired; run the repair again.")


def stage_from_graph(runtime: Runtime, version: EmbeddingVersion, attempt: Attempt, section_ids: Sequence[str]) -> None:
    """Embed sections from their text in the graph and upsert them, conditionally, under the attempt's fence."""
    sections = runtime.graph.sections(sorted(set(section_ids)))
    size = runtime.config.pipeline.embed_batch
    rows = sorted(sections.values(), key=lambda row: row.section_id)
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        vectors = runtime.embedder.embed([embedded_text(row.heading_path, row.text) for row in batch])
        points = [
            Point(
                section_id=row.section_id,
                document_id=attempt.document_id,
                tag=row.tag,
                vector=vector.tolist(),
                text_hash=text_hash(row.heading_path, row.text),
                vector_hash=vector_hash(vector.tolist()),
            )
            for row, vector in zip(batch, vectors, strict=True)
        ]
        runtime.vectors.stage(version, points, attempt.fence)


def _compare(runtime: Runtime, version: EmbeddingVersion, document_id: str, attempt: Attempt) -> Comparison | None:
    """Compare one document in full; None when it is no longer this attempt's."""
    document = runtime.graph.committed(document_id)
    if not may_sweep(document, attempt.fence, attempt.owner):
        return None
    hashes = runtime.graph.section_hashes([document_id])[document_id]
    points = list(runtime.vectors.scroll(version, document_id=document_id, with_vectors=True))
    found = compare_one(document, hashes, points)
    # A commit between the reads above would make a sound document look wrong.
    return found if may_sweep(runtime.graph.committed(document_id), attempt.fence, attempt.owner) else None


def _tag_of(runtime: Runtime, document_id: str, tags_of_points: Sequence[str]) -> str:
    known = runtime.graph.documents([document_id])
    if document_id in known:
        return str(known[document_id]["tag"])
    return tags_of_points[0] if tags_of_points else ""
