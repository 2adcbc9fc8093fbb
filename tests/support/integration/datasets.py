"""Datasets without Airflow: whole runs through the pipeline, and large ones written through the stores in seconds."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from docgraph.domain.commit import CommitRequest, SectionRow
from docgraph.domain.documents import EmbeddingVersion, Point, embedded_text
from docgraph.domain.errors import InfrastructureError
from docgraph.domain.identity import document_id, section_id, text_hash, vector_hash
from docgraph.domain.jobs import STAGES
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.ingest import pipeline
from docgraph.readiness import publishing
from docgraph.readiness.report import read_report, validate
from docgraph.runtime.connections import Runtime
from support.integration.work import Content, ask

#: How often a stage is repeated after an error of the world, as Airflow would.
ATTEMPTS = 4
#: A heading and its text.
Passage = tuple[str, str]
POINTS_AT_ONCE = 500


def run(runtime: Runtime, tag: str, documents: Mapping[str, Content]) -> dict[str, Any]:
    """Bring documents (name → text, None to delete it) through one run with its report, and return that."""
    ids = ask(runtime, tag, documents)
    run_id = f"test-{uuid.uuid4().hex}"
    for batch in pipeline.claim(runtime, run_id, tag, ids):
        for stage in STAGES:
            _run_stage(runtime, stage, run_id, batch)
    report = read_report(runtime.reports, publishing.publish(runtime, run_id, tag).report_id)
    validate(report)
    return report


def _run_stage(runtime: Runtime, stage: str, run_id: str, batch: Sequence[str]) -> None:
    for _ in range(ATTEMPTS - 1):
        try:
            return pipeline.run_stage(runtime, stage, run_id, batch)
        except InfrastructureError:
            time.sleep(0.2)
    return pipeline.run_stage(runtime, stage, run_id, batch)


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
            staged=frozenset({version.name}),
        )
    )
    assert result.decision is CommitDecision.COMMIT
    runtime.vectors.sweep(version, document, fence, generation)
    return document
