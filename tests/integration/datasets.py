"""Large datasets, written through the stores in seconds: real ids, hashes, fences and vectors, without parsing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from docgraph.model.commit import CommitRequest, SectionRow
from docgraph.model.documents import EmbeddingVersion, Point, embedded_text
from docgraph.model.identity import document_id, section_id, text_hash, vector_hash
from docgraph.model.protocol import Attempt, CommitDecision
from docgraph.runtime import Runtime

#: A heading and its text.
Passage = tuple[str, str]
POINTS_AT_ONCE = 500


def write_document(
    runtime: Runtime,
    version: EmbeddingVersion,
    tag: str,
    source_uri: str,
    passages: Sequence[Passage],
    vectors: Sequence[Sequence[float]] | None = None,
) -> str:
    """Stage, commit and sweep a document's sections by the protocol, with their real vectors unless others are given."""
    document = document_id(tag, source_uri)
    before = runtime.graph.committed(document)
    fence = runtime.state.jobs.next_fence(document, before.fence)
    texts = [embedded_text((heading,), text) for heading, text in passages]
    computed = runtime.embedder.serving(version.name).embed(texts) if vectors is None else vectors
    rows, points = [], []
    for (heading, text), vector in zip(passages, computed, strict=True):
        hashed = text_hash((heading,), text)
        row = SectionRow(section_id(document, (heading,), text, 0), (heading,), text, hashed, 0, "")
        rows.append(row)
        points.append(Point(row.section_id, document, tag, vector, hashed, vector_hash(vector)))
    for start in range(0, len(points), POINTS_AT_ONCE):
        runtime.vectors.stage(version, points[start : start + POINTS_AT_ONCE], fence)
    generation = tuple(row.section_id for row in rows)
    result = runtime.graph.commit(
        CommitRequest(
            attempt=Attempt(document, uuid.uuid4().hex, fence, before.version + 1, before.generation),
            tag=tag,
            source_uri=source_uri,
            job_id="written",
            checksum=uuid.uuid4().hex,
            pipeline="written",
            base_pipeline=before.pipeline,
            generation=generation,
            removed=tuple(i for i in before.generation if i not in generation),
            rows=[row for row in rows if row.section_id not in before.generation],
            entities={},
            properties={
                "title": source_uri.rpartition("/")[2],
                "content_type": "text/markdown",
                "anchors": [f"section-{number}" for number in range(len(rows))],
            },
        )
    )
    assert result.decision is CommitDecision.COMMIT
    runtime.vectors.sweep(version, document, fence, generation)
    return document
