"""Repairing the vector store from the graph: after a commit (rule 4 of the protocol), and for audits (rule 5).

Nothing is deleted or overwritten but under a fence that the Document holds. A repair that was not verified again is a
failure. Text comes from the graph, so that no artifact is needed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from docgraph.domain.documents import Committed, EmbeddingVersion, Section
from docgraph.domain.errors import InfrastructureError, StaleAttemptError
from docgraph.domain.protocol import Attempt, CommitDecision, may_sweep
from docgraph.integrity.compare import look
from docgraph.integrity.comparison import Comparison, compare_one
from docgraph.integrity.staging import VectorStager
from docgraph.runtime.connections import Runtime

logger = logging.getLogger(__name__)
#: How often a repair starts again because another attempt committed in between.
MAX_ROUNDS = 8


def verify_generation(
    runtime: Runtime, version: EmbeddingVersion, document_id: str, attempt: Attempt, document: Committed
) -> None:
    """Make sure that every section of the committed generation has its point, staging once more what is missing.

    `document` is what the attempt committed. Ends without a word when the document has moved on to another attempt:
    verifying is that one's duty then.

    Raises:
        StaleAttemptError: others kept committing while points were repaired.
        InfrastructureError: points still differ after they were repaired.
    """
    found = _compare_with(runtime, version, document, attempt)
    if found is None or not (found.missing or found.mismatched):
        return
    logger.warning(
        "document %s: %d points missing, %d differ; staging them again",
        document_id,
        len(found.missing),
        len(found.mismatched),
    )
    if not found.mismatched:
        stage_from_graph(runtime, version, attempt, found.missing, from_journal=True)
        again = _compare(runtime, version, document_id, attempt)
        if again is None or not (again.missing or again.mismatched):
            return
    # The upsert's condition respects a point of the same or a higher fence, however wrong it is: repair above all of them.
    repair_document(runtime, version, document_id)


@dataclass(frozen=True, slots=True)
class RepairedDocument:
    """What was done to one document's points."""

    document_id: str
    #: What was found before.
    found: Comparison
    #: Points that were embedded from the graph's text and staged again.
    restaged: int = 0
    #: Points that were removed: strays, and garbage of attempts that never committed.
    removed: int = 0


def repair_document(
    runtime: Runtime,
    version: EmbeddingVersion,
    document_id: str,
    *,
    tag: str = "",
    others: Sequence[EmbeddingVersion] = (),
    foreign: Collection[str] = (),
    from_journal: bool = False,
) -> RepairedDocument:
    """Make one document's points equal its generation, garbage of attempts that never committed included.

    Commits a new fence above every fence found, with the generation unchanged, and repairs and sweeps under it. Also swept
    are the document's points in `others`, embedding versions that its dataset does not use. A section whose node is
    broken in the graph has no text to embed: that is not repaired here. `tag` is for a document that the graph does not know.
    The vectors of the sections in `foreign` are computed again although their hashes are sound.
    `from_journal` takes vectors that the journal has, which were made just now; otherwise all are embedded anew.

    Raises:
        StaleAttemptError: others kept committing; ask again.
        InfrastructureError: the points still differ afterwards.
    """
    for _ in range(MAX_ROUNDS):
        seen = look(runtime, version, [document_id], with_vectors=True)[document_id]
        if seen.moved:
            continue
        document, found = seen.document, seen.found
        elsewhere = [p for other in others for p in runtime.vectors.scroll(other, document_id=document_id)]
        doubted = sorted(set(document.generation).intersection(foreign))
        wrong, surplus = _to_repair(found, doubted), len(found.stray) + len(found.staged) + len(elsewhere)
        if not wrong and not surplus:
            return RepairedDocument(document_id, found)
        highest = max([document.fence, seen.highest_fence, *(point.fence for point in elsewhere)])
        fence = runtime.state.jobs.next_fence(document_id, highest)
        attempt = Attempt(document_id, uuid.uuid4().hex, fence, document.version, document.generation)
        result = runtime.graph.advance_fence(
            document_id,
            runtime.graph.tags_of([document_id]).get(document_id) or tag,
            fence=fence,
            owner=attempt.owner,
            generation=document.generation,
        )
        if result.decision is not CommitDecision.COMMIT:
            continue
        if doubted:
            # What the journal has of this document was made by whatever made these.
            runtime.journal.discard(version.name, document_id)
        stage_from_graph(runtime, version, attempt, wrong, from_journal=from_journal)
        if may_sweep(runtime.graph.committed(document_id), fence, attempt.owner):
            runtime.vectors.sweep(version, document_id, fence, document.generation)
            for other in others:
                runtime.vectors.sweep(other, document_id, fence, ())
        after = _compare(runtime, version, document_id, attempt)
        if after is None:
            continue
        if left := [*_to_repair(after), *after.stray]:
            raise InfrastructureError(
                f"Document {document_id}: {len(left)} points still differ from the graph after their repair "
                f"({', '.join(left[:3])}); look at Qdrant's log, then run `ingestctl repair` again."
            )
        return RepairedDocument(document_id, found, restaged=len(wrong), removed=surplus)
    raise StaleAttemptError(f"Document {document_id} kept changing while it was repaired; run the repair again.")


def _to_repair(found: Comparison, foreign: Sequence[str] = ()) -> list[str]:
    """Return the sections whose points must be staged again, as far as the graph has their text."""
    broken = set(found.broken)
    return [i for i in dict.fromkeys([*found.missing, *found.mismatched, *foreign]) if i not in broken]


def stage_from_graph(
    runtime: Runtime,
    version: EmbeddingVersion,
    attempt: Attempt,
    section_ids: Sequence[str],
    *,
    from_journal: bool,
) -> None:
    """Stage sections from their text in the graph under the attempt's fence.

    `from_journal` takes the vectors that the journal has; otherwise all are embedded anew, because what is wrong with a point
    may be its vector.
    """
    found = runtime.graph.sections(sorted(set(section_ids))).values()
    anew = frozenset() if from_journal else frozenset(section_ids)
    for tag in sorted({section.tag for section in found}):
        sections = [Section(s.section_id, s.heading_path, s.text, s.occurrence) for s in found if s.tag == tag]
        VectorStager(runtime, version).stage(attempt, tag, sections, anew=anew)


def _compare(runtime: Runtime, version: EmbeddingVersion, document_id: str, attempt: Attempt) -> Comparison | None:
    """Compare one document in full; None when it is no longer this attempt's."""
    return _compare_with(runtime, version, runtime.graph.committed(document_id), attempt)


def _compare_with(
    runtime: Runtime, version: EmbeddingVersion, document: Committed, attempt: Attempt
) -> Comparison | None:
    if not may_sweep(document, attempt.fence, attempt.owner):
        return None
    document_id = document.document_id
    hashes = runtime.graph.section_hashes([document_id])[document_id]
    points = list(runtime.vectors.scroll(version, document_id=document_id, with_vectors=True))
    found = compare_one(document, hashes, points)
    # A commit between the reads above would make a sound document look wrong.
    return found if may_sweep(runtime.graph.committed(document_id), attempt.fence, attempt.owner) else None
