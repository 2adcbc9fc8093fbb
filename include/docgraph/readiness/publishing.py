"""The report task: close the run, compare the stores, judge, write the report, and say so where others look.

It answers two different questions: whether the *run* did what it was asked for (a failed job fails it), and whether the
*dataset* is fit to be queried (the verdict).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from docgraph.domain.documents import Committed
from docgraph.domain.errors import EmbeddingVersionError
from docgraph.domain.jobs import STAGES, JobState, JobStatus, Outcome, now
from docgraph.domain.verdict import Drift, LastVerdict, Verdict
from docgraph.ingest import pipeline
from docgraph.ingest.launcher import INGEST_DAG
from docgraph.ingest.work import target_versions
from docgraph.integrity.compare import compare_dataset, compare_documents
from docgraph.readiness import facts
from docgraph.readiness.judgement import AlreadyRead, drift_of, judge
from docgraph.readiness.report import build_report, write_report
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What the run's report says in short, and its id."""

    report_id: str
    ready: bool
    failed: int
    sentence: str


def publish(runtime: Runtime, run_id: str, tag: str) -> Published:
    """Write the report of a run and set the dataset's readiness. Repeated, it writes another report of the same facts.

    Raises:
        InfrastructureError: a store can't be reached, so that nothing can be proved; the task is retried.
    """
    jobs = pipeline.close_run(runtime, run_id)
    known = facts.read_dataset(runtime, tag)
    drift = _drift(runtime, tag, jobs, known)
    committed = runtime.graph.committed_many(sorted({state.document_id for state in jobs}))
    verdict = judge(
        tag,
        graph=runtime.graph,
        vectors=runtime.vectors,
        embedder=runtime.embedder,
        config=runtime.config,
        jobs=jobs,
        drift=drift,
        changed=_changed(jobs, committed),
        known=replace(known, live=frozenset(i for i, document in committed.items() if document.exists)),
    )
    report = build_report(
        tag=tag,
        run_id=run_id,
        dag_id=INGEST_DAG,
        jobs=jobs,
        verdict=verdict,
        stage_seconds=_stage_seconds(runtime, jobs),
        total_seconds=_total_seconds(jobs),
        versions=facts.versions(runtime, known),
        config_hash=runtime.config.digest,
        links=facts.links(runtime, tag, verdict, jobs),
        withheld=facts.withheld(runtime, tag),
    )
    report_id = write_report(runtime.reports, report)
    failpoint("report.before_announce")
    _announce(runtime, tag, jobs, verdict, report_id)
    failed = sum(state.status is JobStatus.FAILED for state in jobs)
    return Published(report_id, verdict.ready, failed, str(report["summary"]))


def _drift(runtime: Runtime, tag: str, jobs: Sequence[JobState], known: AlreadyRead) -> Drift | None:
    """Compare the dataset in full where it is small, else the run's documents; those of the run with their vectors.

    Where the run made most of a small dataset, all of it is compared with its vectors at once, so that no document is met twice.
    """
    try:
        version = target_versions(runtime, tag, known.dataset)[0]
    except EmbeddingVersionError as error:
        logger.warning("graph and vectors are not compared: %s", error)
        return None
    documents = list(dict.fromkeys(state.document_id for state in jobs if state.document_id))
    counts = known.counts or runtime.graph.counts(tag)
    sections = counts["sections"]
    if sections > runtime.config.verdict.full_compare_sections:
        return drift_of(compare_documents(runtime, version, documents))
    most = 2 * len(documents) >= counts["documents"]
    dataset = compare_dataset(runtime, version, tag, with_vectors=most, size=sections, dataset=known.dataset)
    if not most:
        dataset.widen(compare_documents(runtime, version, documents))
    return drift_of(dataset)


def _changed(jobs: Sequence[JobState], committed: Mapping[str, Committed]) -> list[str]:
    """Return the sections of the documents that the run created or updated: probes are made from them."""
    documents = [s.document_id for s in jobs if s.outcome in {Outcome.CREATED, Outcome.UPDATED}]
    return [section for document in documents for section in committed[document].generation]


def _stage_seconds(runtime: Runtime, jobs: Sequence[JobState]) -> dict[str, float]:
    seconds: defaultdict[str, float] = defaultdict(float)
    for state in jobs:
        for stage, checkpoint in runtime.state.jobs.checkpoints(state.job.job_id).items():
            seconds[stage] += checkpoint.seconds
    return {stage: seconds[stage] for stage in STAGES}


def _total_seconds(jobs: Sequence[JobState]) -> float:
    starts = [datetime.fromisoformat(state.started_at) for state in jobs if state.started_at]
    # Both ends are read from wall clocks, which may have been put back in between.
    return max(0.0, (datetime.now(UTC) - min(starts)).total_seconds()) if starts else 0.0


def _announce(runtime: Runtime, tag: str, jobs: Sequence[JobState], verdict: Verdict, report_id: str) -> None:
    """Tell the jobs which report they are in, and all others what the verdict is; the report is durable before."""
    runtime.state.jobs.set_report([state.job.job_id for state in jobs], report_id)
    runtime.state.readiness.set(tag, LastVerdict.of(verdict, report_id, now()).fields)
    message = "ready_for_queries=true" if verdict.ready else "ready_for_queries=false"
    for state in jobs:
        runtime.state.events.append(state.job.job_id, "report", "published", message=message)
