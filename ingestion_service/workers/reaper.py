"""The reaper: gives back jobs whose run has ended or vanished without finishing them, and fails those it gave back too often.

It never touches a job while its run is queued or running, and nothing at all while Airflow can't be asked. A run has to be
seen dead in two rounds some seconds apart before its jobs are taken from it. A run that ended all its jobs but not its report
(marked failed while it wrote it, or a store was unavailable for too long) gets the report from here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from docgraph.domain.errors import InfrastructureError
from docgraph.domain.jobs import JobState
from docgraph.ingest.airflow_api import AirflowApi
from docgraph.ingest.launcher import INGEST_DAG, LIVE_RUN_STATES, is_ingest_run_id
from docgraph.readiness import publishing
from docgraph.runtime.connections import Runtime
from ingestion_service.metrics import ServiceMetrics

CODE = "run_lost"
_GONE = "is gone from Airflow"
#: Newest ended jobs among which those without a report are looked for, and how many of their runs are asked for in a round.
_NEWEST = 1_000
_REPORTS_LOOKED_AT = 20

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
        self._strangers: set[str] = set()

    def tick(self) -> None:
        """Look at every run that holds live jobs or owes a report, and do what those that are gone have left undone.

        Raises:
            InfrastructureError: Redis or Airflow can't be reached; nothing was concluded from that.
        """
        live = self._runtime.state.jobs.runs_with_live_jobs()
        ended = self._runtime.state.jobs.unreported_runs(_NEWEST)
        self._strangers &= ended.keys()
        owing = [run_id for run_id in ended if run_id not in live and run_id not in self._strangers][
            :_REPORTS_LOOKED_AT
        ]
        self._seen_dead = {run: since for run, since in self._seen_dead.items() if run in live or run in owing}
        for run_id, job_ids in live.items():
            if ending := self._ending(run_id):
                self._take(run_id, f"run {run_id} {ending} without finishing it", job_ids)
        for run_id in owing:
            if ending := self._ending(run_id):
                self._report_late(run_id, ended[run_id], ending)

    def _ending(self, run_id: str) -> str:
        """Say how a run came to its end; empty while it lives, or is not known to be dead for long enough."""
        state = self._airflow.run_state(INGEST_DAG, run_id)
        if state in LIVE_RUN_STATES:
            self._seen_dead.pop(run_id, None)
            return ""
        since = self._seen_dead.setdefault(run_id, time.monotonic())
        if time.monotonic() - since < self._grace_seconds:
            return ""
        del self._seen_dead[run_id]
        return f"ended ({state})" if state else _GONE

    def _report_late(self, run_id: str, tag: str, ending: str) -> None:
        if ending == _GONE and not is_ingest_run_id(run_id):
            # Never a run of Airflow: the pipeline was called in another way, and no report is owed.
            self._strangers.add(run_id)
            return
        _log.warning("Run %s %s without a report; it is written now.", run_id, ending)
        self._report(run_id, tag)

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
        if failed:
            self._report(run_id, failed[0].job.tag)

    def _report(self, run_id: str, tag: str) -> None:
        try:
            published = publishing.publish(self._runtime, run_id, tag)
        except InfrastructureError as error:
            # It is tried again: the jobs stay without a report.
            _log.error("No report on run %s: %s", run_id, error)
        else:
            _log.info("Report on run %s: %s", run_id, published.report_id)
