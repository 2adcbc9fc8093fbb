"""Retention: what is no longer needed goes after the time that the configuration gives it.

No document and no vector goes from here: what the stores hold is what there is. Only the tombstones of deleted documents end,
once nothing can be late any more. Every collector leaves alone what was used lately, so that it may run while documents are
being ingested.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from docgraph.domain.jobs import JobState, JobStatus
from docgraph.readiness.report import remove_reports
from docgraph.runtime.connections import Runtime
from docgraph.sources.registry import sources_of

logger = logging.getLogger(__name__)
_DAY = 86_400.0
#: Other programs write jobs too, and not every checksum that is sent is one.
_SHA256 = re.compile("[0-9a-f]{64}")
_JOBS = 1_000_000
_LIVE = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)
#: They may be resumed, and need their bytes then; what their stages left can be made again.
_RESUMABLE = (JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Removed:
    """How much went, by kind."""

    jobs: int
    artifacts: int
    vectors: int
    snapshots: int
    reports: int
    tombstones: int
    originals: int

    def as_json(self) -> dict[str, int]:
        """Return the numbers."""
        return asdict(self)


def remove_expired(runtime: Runtime) -> Removed:
    """Remove what is older than the configuration allows; repeated, it removes nothing more.

    Raises:
        InfrastructureError: a store can't be reached, or something can't be removed. What is needed is not known then, and stays.
    """
    limits = runtime.config.retention
    jobs = runtime.state.jobs.purge(limits.final_jobs_days * _DAY)
    runtime.state.quarantine.purge(limits.final_jobs_days * _DAY)
    # A job that can't be read may be one that a newer docgraph works on: what it names stays.
    unreadable = runtime.state.jobs.unreadable()
    live = [*(state.job.job_id for state in _jobs(runtime, _LIVE)), *(each.job_id for each in unreadable)]
    in_use = {checkpoint.artifact for job_id in live for checkpoint in runtime.state.jobs.checkpoints(job_id).values()}
    # The journal lies below the artifacts, hence first.
    vectors = runtime.journal.collect(limits.artifacts_days * _DAY)
    artifacts = runtime.artifacts.collect(in_use, limits.artifacts_days * _DAY)
    wanted = runtime.graph.live_checksums()
    wanted |= {state.job.checksum for state in _jobs(runtime, _LIVE + _RESUMABLE)}
    wanted |= {each.fields.get("checksum", "") for each in unreadable}
    snapshots = runtime.snapshots.collect(filter(_SHA256.fullmatch, wanted), limits.snapshots_days * _DAY)
    reports = remove_reports(runtime.reports, limits.reports_days * _DAY)
    sources = sources_of(runtime.settings, runtime.config)
    originals = sum(source.remove_settled(limits.done_days * _DAY) for source in sources)
    removed = Removed(jobs, artifacts, vectors, snapshots, reports, _end_tombstones(runtime), originals)
    logger.info("retention removed %s", removed)
    return removed


def _end_tombstones(runtime: Runtime) -> int:
    """Remove the tombstones that no late attempt, no point and no job can need any more; decision 0011 says why these."""
    before = datetime.now(UTC) - timedelta(days=runtime.config.retention.tombstones_days)
    # The fences first: what happens to a document while the rest is looked at gives it a higher one.
    fences = runtime.graph.old_tombstones(before.isoformat(timespec="microseconds").replace("+00:00", "Z"))
    wanted = {state.document_id for state in _jobs(runtime, _LIVE + _RESUMABLE)} if fences else set()
    wanted |= {each.fields.get("document_id", "") for each in runtime.state.jobs.unreadable()} if fences else set()
    wanted |= runtime.vectors.owners(sorted(fences.keys() - wanted)) if fences else set()
    return sum(runtime.graph.forget(document, fences[document]) for document in sorted(fences.keys() - wanted))


def _jobs(runtime: Runtime, statuses: tuple[JobStatus, ...]) -> Iterator[JobState]:
    for status in statuses:
        yield from runtime.state.jobs.find(status=status, limit=_JOBS)
