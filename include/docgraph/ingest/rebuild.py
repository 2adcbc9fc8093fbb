"""Repairing the graph itself: a document whose Section nodes are absent, astray or altered is made again from its snapshot.

The bytes that a document was committed from are kept as long as it lives, so nobody has to send them again. What is
written is committed as an attempt of the *same* version: newer content that is on its way stays newer. Points are
`integrity.repair`'s.
"""

from __future__ import annotations

import uuid
from typing import Any

from docgraph.domain.commit import CommitRequest
from docgraph.domain.documents import Committed, Difference
from docgraph.domain.errors import SnapshotMissingError, StaleAttemptError
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.extraction import extract
from docgraph.ingest.stages.build_graph import document_properties, section_rows
from docgraph.ingest.work import computed, extract_options, parse_options, pipeline_version, target_versions
from docgraph.integrity.staging import VectorStager
from docgraph.runtime.connections import Runtime

MAX_ROUNDS = 8


def rebuild_document(runtime: Runtime, document_id: str, *, tag: str = "") -> None:
    """Write the document's Section nodes anew, with everything that hangs on them, and remove those that are not its own.

    `tag` is for nodes that carry the id of a document that the graph does not know; they are removed, and a tombstone stays.

    Raises:
        SnapshotMissingError: the bytes are gone. The document is marked so that the next ingestion of it is not taken as unchanged.
        DocumentError: the bytes can't be read any more by the rules of today.
        StaleAttemptError: others kept committing; ask again.
    """
    for _ in range(MAX_ROUNDS):
        document = runtime.graph.committed(document_id)
        hashes = runtime.graph.section_hashes([document_id], with_text=True)[document_id]
        members = set(document.generation)
        is_damaged = len(members) < len(document.generation) or any(not hashes.get(i) for i in members)
        attempt = _attempt(runtime, document)
        request = _base_request(runtime, document, attempt, tag, astray=tuple(sorted(set(hashes) - members)))
        if is_damaged and not _has_bytes(runtime, document.checksum):
            # Without checksum and pipeline, equal content is not "unchanged": sending it again repairs the document.
            marked = CommitRequest(**{**request, "checksum": "", "pipeline": ""})
            if runtime.graph.commit(marked).decision is CommitDecision.COMMIT:
                raise SnapshotMissingError(
                    f"{request['source_uri'] or document_id}: its sections are damaged in the graph, and the bytes it was made "
                    "from are no longer in the snapshot store. Ingest it again: it will not be taken as unchanged."
                )
            continue
        if is_damaged:
            request |= _from_snapshot(runtime, document, attempt, request)
        if runtime.graph.commit(CommitRequest(**request)).decision is CommitDecision.COMMIT:
            return
    raise StaleAttemptError(f"Document {document_id} kept changing while it was repaired; run the repair again.")


def _has_bytes(runtime: Runtime, checksum: str) -> bool:
    try:
        return runtime.snapshots.exists(checksum)
    except SnapshotMissingError:
        # The document was marked before, or was committed without a checksum.
        return False


def _attempt(runtime: Runtime, document: Committed) -> Attempt:
    fence = runtime.state.jobs.next_fence(document.document_id, document.fence)
    return Attempt(document.document_id, uuid.uuid4().hex, fence, document.version, document.generation)


def _base_request(
    runtime: Runtime, document: Committed, attempt: Attempt, tag: str, astray: tuple[str, ...]
) -> dict[str, Any]:
    """Return a commit that keeps everything as it is but removes the nodes that are astray."""
    known = runtime.graph.description(document.document_id) or {}
    return {
        "attempt": attempt,
        "tag": known.get("tag") or tag,
        "source_uri": known.get("source_uri") or "",
        "job_id": known.get("job_id") or "",
        "checksum": document.checksum,
        "pipeline": document.pipeline,
        "base_pipeline": document.pipeline,
        "generation": document.generation,
        "removed": astray,
        "rows": (),
        "entities": {},
        "properties": {},
        "deleted": not document.exists,
    }


def _from_snapshot(runtime: Runtime, document: Committed, attempt: Attempt, base: dict[str, Any]) -> dict[str, Any]:
    """Return what makes the document anew from its bytes; sections that today's rules make beside those are staged first."""
    parsed = runtime.reader.parse(
        runtime.snapshots.open(document.checksum),
        document_id=document.document_id,
        source_uri=base["source_uri"],
        tag=base["tag"],
        content_type=str((runtime.graph.description(document.document_id) or {}).get("content_type") or ""),
        options=parse_options(runtime),
    )
    extraction = computed(runtime, base["source_uri"], "extract", lambda: extract(parsed, extract_options(runtime)))
    target = tuple(section.section_id for section in parsed.sections)
    difference = Difference.between(document.generation, target)
    added = set(difference.added)
    versions = target_versions(runtime, base["tag"])
    for version in versions:
        stager = VectorStager(runtime, version)
        stager.stage(attempt, base["tag"], [s for s in parsed.sections if s.section_id in added])
    rows = section_rows(parsed, extraction, set(target), runtime.config.dataset(base["tag"]).published)
    mentioned = {entity for row in rows for entity, _ in row.mentions}
    return {
        "pipeline": pipeline_version(runtime).of(parsed.format),
        "generation": target,
        "removed": tuple(sorted({*base["removed"], *difference.removed} - set(target))),
        "rows": rows,
        "entities": {e.entity_id: (e.kind, e.name) for e in extraction.entities if e.entity_id in mentioned},
        "properties": document_properties(parsed),
        "staged": frozenset(version.name for version in versions),
    }
