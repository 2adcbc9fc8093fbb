"""The report on a dataset without a run of jobs: after an audit, a repair, or a move to another embedding version."""

from __future__ import annotations

from docgraph.domain.jobs import STAGES, JobState, JobStatus, now
from docgraph.domain.verdict import LastVerdict, Verdict
from docgraph.integrity.comparison import Comparison
from docgraph.readiness import facts
from docgraph.readiness.judgement import drift_of, judge
from docgraph.readiness.report import build_report, write_report
from docgraph.runtime.connections import Runtime

#: Newest jobs of a dataset among which its failed ones are looked for.
_JOBS_LOOKED_AT = 20_000


def publish_audit(
    runtime: Runtime, tag: str, comparison: Comparison, *, run_id: str, dag_id: str, seconds: float
) -> tuple[Verdict, str]:
    """Judge a dataset without a run of jobs, write the report, and set the readiness; returns the verdict and the report's id.

    Documents whose newest job failed speak against the dataset as they do after a run.

    Raises:
        InfrastructureError: a store can't be reached, so that nothing can be proved.
    """
    known = facts.read_dataset(runtime, tag)
    verdict = judge(
        tag,
        graph=runtime.graph,
        vectors=runtime.vectors,
        embedder=runtime.embedder,
        config=runtime.config,
        jobs=_failed_last(runtime, tag),
        drift=drift_of(comparison),
        known=known,
    )
    report = build_report(
        tag=tag,
        run_id=run_id,
        dag_id=dag_id,
        jobs=(),
        verdict=verdict,
        stage_seconds=dict.fromkeys(STAGES, 0.0),
        total_seconds=seconds,
        versions=facts.versions(runtime, known),
        config_hash=runtime.config.digest,
        links=facts.links(runtime, tag, verdict),
        withheld=facts.withheld(runtime, tag),
    )
    report_id = write_report(runtime.reports, report)
    runtime.state.readiness.set(tag, LastVerdict.of(verdict, report_id, now()).fields)
    return verdict, report_id


def _failed_last(runtime: Runtime, tag: str) -> list[JobState]:
    """Return the failed jobs after which nothing else was asked for their documents."""
    jobs = runtime.state.jobs
    failed = {state.document_id for state in jobs.find(tag=tag, status=JobStatus.FAILED, limit=_JOBS_LOOKED_AT)}
    newest: dict[str, JobState] = {}
    if failed:
        for state in jobs.find(tag=tag, limit=_JOBS_LOOKED_AT):
            if state.document_id in failed:
                newest.setdefault(state.document_id, state)
    return [state for state in newest.values() if state.status is JobStatus.FAILED]
