"""Turns the checkpoints of completed jobs into the histogram of stage seconds. Every replica does it for its own metrics."""

from __future__ import annotations

from docgraph.domain.jobs import JobStatus, now
from docgraph.state import Jobs
from ingestion_service.metrics import ServiceMetrics

_NEWEST = 500


class StageTimes:
    """Remembers which of the newest completed jobs it has counted."""

    def __init__(self, jobs: Jobs, metrics: ServiceMetrics) -> None:
        """Start with what completes from now on."""
        self._jobs = jobs
        self._metrics = metrics
        self._since = now()
        self._counted: set[tuple[str, int]] = set()

    def tick(self) -> None:
        """Count the stages of jobs that have completed since.

        Raises:
            StoreUnavailableError: Redis can't be reached.
        """
        newest = self._jobs.find(status=JobStatus.COMPLETED, limit=_NEWEST)
        keys = {(state.job.job_id, state.attempt) for state in newest if state.finished_at >= self._since}
        for job_id, attempt in keys - self._counted:
            for stage, checkpoint in self._jobs.checkpoints(job_id).items():
                self._metrics.stage_seconds.labels(stage).observe(checkpoint.seconds)
            self._counted.add((job_id, attempt))
        self._counted &= keys
