"""The reaper: gives back jobs whose run has ended or vanished without finishing them, and fails those it gave back too often.

It never touches a job while its run is queued or running, and nothing at all while Airflow can't be asked. A run has to be
seen dead in two rounds some seconds apart before its jobs are taken from it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from docgraph import publishing
from docgraph.airflow_api import INGEST_DAG, LIVE_RUN_STATES, AirflowApi
from docgraph.errors import WorldError
from docgraph.model.jobs import JobState
from docgraph.runtime import Runtime
from ingestion_service.metrics import ServiceMetrics

CODE = "run_lost"

_log = logging.getLogger(__name__)


class Reaper:
    """One round at a time (`tick`)."""

    def __init__(
        self, runtime: Runtime, airflow: AirflowApi, metrics: ServiceMetrics, *, grace_seconds: float = 5.0
    ) -> None:
        """Keep the connections; `grace_seconds` lie between seeing a run dead and taking its jobs."""
        self._runtime = runtime
        self._airflow = airflow
        self._metrics = metrics
        self._grace_seconds = grace_seconds
        self._seen_dead: dict[str, float] = {}

    def tick(self) -> None:
        """Look at every run that holds live jobs and take them from those that are gone.

        Raises:
            WorldError: Redis or Airflow can't be reached; nothing was concluded from that.
        """
        runs = self._runtime.state.jobs.runs_with_live_jobs()
        self._seen_dead = {run_id: since for run_id, since in self._seen_dead.items() if run_id in runs}
        for run_id, job_ids in runs.items():
            state = self._airflow.run_state(INGEST_DAG, run_id)
            if state in LIVE_RUN_STATES:
                self._seen_dead.pop(run_id, None)
                continue
            since = self._seen_dead.setdefault(run_id, time.monotonic())
            if time.monotonic() - since < self._grace_seconds:
                continue
            del self._seen_dead[run_id]
            ending = f"ended ({state})" if state else "is gone from Airflow"
            self._take(run_id, f"run {run_id} {ending} without finishing it", job_ids)

    def _take(self, run_id: str, reason: str, job_ids: Sequence[str]) -> None:
        most = self._runtime.config.pipeline.max_attempts
        jobs = self._runtime.state.jobs
        failed: list[JobState] = []
        for state in jobs.get_many(job_ids):
            job_id = state.job.job_id
            if state.attempt < most:
                if jobs.requeue(job_id, run_id, reason):
                    self._metrics.reaped.labels("requeued").inc()
                    _log.warning("Job %s is queued again: %s.", job_id, reason)
                continue
            message = f"Attempt {state.attempt} of {most}: {reason}. Look at the run in Airflow; `ingestctl resume {job_id}` tries again."
            if jobs.fail(job_id, run_id=run_id, code=CODE, message=message):
                self._metrics.reaped.labels("failed").inc()
                _log.error("Job %s failed: %s", job_id, message)
                failed.append(state)
        if failed and not all(state.report for state in failed):
            self._report(run_id, failed[0].job.tag)

    def _report(self, run_id: str, tag: str) -> None:
        try:
            published = publishing.publish(self._runtime, run_id, tag)
        except WorldError as error:
            # The jobs are failed and say why; only the report is missing, and the next run's report has the verdict.
            _log.error("No report on run %s: %s", run_id, error)
        else:
            _log.info("Report on run %s: %s", run_id, published.path)
