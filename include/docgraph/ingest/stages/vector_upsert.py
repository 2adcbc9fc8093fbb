"""vector_upsert: vectors → staged points, which no reader sees before the commit (rule 1 of the commit protocol)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from docgraph.domain.documents import EmbeddingVersion, ParsedDocument, Plan, Point, Section
from docgraph.domain.errors import WorldError
from docgraph.domain.identity import fingerprint, text_hash, vector_hash
from docgraph.domain.protocol import Attempt
from docgraph.ingest.work import Work, target_versions
from docgraph.runtime.failpoints import failpoint
from docgraph.state.jobs import Checkpoint

NAME = "vector_upsert"
UPSERT_VERSION = 1


def fingerprint_of(work: Work) -> str:
    """Return what determines the staged points: the vectors, and the execution attempt of the job."""
    inputs = [work.checkpoint("embed").fingerprint, str(work.state.attempt)]
    return fingerprint(NAME, UPSERT_VERSION, inputs)


def run(work: Work, fingerprint: str) -> Checkpoint:
    """Stage the added sections of one document under a new fence."""
    plan = work.load("build_graph", Plan)
    attempt = begin_attempt(work, plan.base_generation)
    added = plan.difference.added
    versions = stage_sections(work, attempt, added) if added else []
    return Checkpoint(
        fingerprint=fingerprint,
        artifact="",
        items=len(set(added)),
        extra={
            "unit": "points",
            "fence": str(attempt.fence),
            "owner": attempt.owner,
            "versions": " ".join(versions),
        },
    )


def begin_attempt(work: Work, base_generation: Sequence[str]) -> Attempt:
    """Take a fence above every fence that Redis or the graph knows for the document."""
    committed = work.runtime.graph.committed(work.document_id)
    return Attempt(
        document_id=work.document_id,
        owner=uuid.uuid4().hex,
        fence=work.runtime.state.jobs.next_fence(work.document_id, committed.fence),
        version=work.job.version,
        base_generation=tuple(base_generation),
    )


def stage_sections(work: Work, attempt: Attempt, added: Sequence[str]) -> list[str]:
    """Upsert the points of `added`, conditionally on the fence, in every embedding version; returns the versions' names."""
    wanted = set(added)
    sections = [s for s in work.load("parse", ParsedDocument).sections if s.section_id in wanted]
    versions = target_versions(work.runtime, work.job.tag)
    for version in versions:
        work.runtime.vectors.ensure(version)
        points = points_of(work, version, sections)
        size = work.runtime.config.pipeline.upsert_batch
        for start in range(0, len(points), size):
            work.check_live()
            work.runtime.vectors.stage(version, points[start : start + size], attempt.fence)
            done = min(start + size, len(points))
            work.say("running", done=done, total=len(points), unit="points")
            failpoint("vector_upsert.after_batch")
    return [version.name for version in versions]


def points_of(work: Work, version: EmbeddingVersion, sections: Sequence[Section]) -> list[Point]:
    """Return the points of the sections: vectors from the journal, those that it lacks computed (and kept) now."""
    vectors = work.runtime.journal.load(version.name, work.document_id, [s.section_id for s in sections])
    missing = [s for s in sections if s.section_id not in vectors]
    size = work.runtime.config.pipeline.embed_batch
    for start in range(0, len(missing), size):
        batch = missing[start : start + size]
        rows = dict(
            zip(
                [s.section_id for s in batch],
                work.runtime.embedder.serving(version.name).embed([s.embedded_text for s in batch]),
                strict=True,
            )
        )
        work.runtime.journal.put(version.name, work.document_id, rows)
        work.runtime.state.jobs.add_counts(work.job_id, work.run_id, embedded=len(rows))
        vectors |= rows
    if len(vectors) < len({s.section_id for s in sections}):
        raise WorldError(f"Vectors of {work.job.source_uri} are missing after they were computed; resume the job.")
    return [
        Point(
            section_id=s.section_id,
            document_id=work.document_id,
            tag=work.job.tag,
            vector=vectors[s.section_id].tolist(),
            text_hash=text_hash(s.heading_path, s.text),
            vector_hash=vector_hash(vectors[s.section_id].tolist()),
        )
        for s in sections
    ]
