"""vector_upsert: vectors → staged points, which no reader sees before the commit (rule 1 of the commit protocol)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from docgraph.domain.documents import ExtractedDocument, Plan
from docgraph.domain.identity import fingerprint
from docgraph.domain.protocol import Attempt, StagedAttempt
from docgraph.ingest.work import Work
from docgraph.integrity.staging import Pace, Text, VectorStager
from docgraph.runtime.failpoints import failpoint
from docgraph.state.records import Checkpoint

NAME = "vector_upsert"
UPSERT_VERSION = 2


def fingerprint_of(work: Work) -> str:
    """Return what determines the staged points: the vectors, and the execution attempt of the job."""
    inputs = [work.checkpoint("embed").fingerprint, str(work.state.attempt)]
    return fingerprint(NAME, UPSERT_VERSION, inputs)


def run(work: Work, fingerprint: str) -> Checkpoint:
    """Stage the added sections of one document under a new fence."""
    plan = work.load("build_graph", Plan)
    staged = stage(work, begin_attempt(work, plan.base_generation), plan.document, plan.difference.added)
    return Checkpoint(
        fingerprint=fingerprint,
        artifact="",
        items=len(set(plan.difference.added)),
        extra={"unit": "points", "staged": staged.as_json()},
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


def stage(work: Work, attempt: Attempt, document: ExtractedDocument | None, added: Sequence[str]) -> StagedAttempt:
    """Upsert the points of `added`, conditionally on the fence, in every embedding version that a commit needs them in."""
    if not added or document is None:
        return StagedAttempt.of(attempt, ())
    wanted = set(added)
    sections = [s for s in document.parsed.sections if s.section_id in wanted]
    versions = work.target_versions()
    for version in versions:
        work.runtime.vectors.ensure(version)
        VectorStager(work.runtime, version, _Staging(work)).stage(attempt, work.job.tag, sections)
    return StagedAttempt.of(attempt, [version.name for version in versions])


class _Staging(Pace):
    """Before each batch the job must still be this run's; each is announced."""

    def __init__(self, work: Work) -> None:
        super().__init__(work.runtime)
        self._work = work

    def wanted(self, batch: Sequence[Text]) -> Sequence[Text]:
        self._work.check_live()
        return batch

    def embedded(self, document_id: str, section_ids: Sequence[str]) -> None:
        del document_id
        self._work.runtime.state.jobs.add_counts(self._work.job_id, self._work.run_id, embedded=len(section_ids))

    def staging(self, done: int, total: int) -> None:
        if done:
            self._work.say("running", done=done, total=total, unit="points")
            failpoint("vector_upsert.after_batch")
        if done < total:
            self._work.check_live()
