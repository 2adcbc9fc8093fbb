"""Starting `ingest_documents` for queued jobs, so that each set of jobs has one live run whoever asks for it.

The run's id follows from the jobs and their attempts: a second trigger is told that the run exists. Where that run has
ended without claiming them, the next free number is appended.
"""

from __future__ import annotations

from collections.abc import Sequence

from docgraph.domain.errors import StoreUnavailableError
from docgraph.domain.jobs import JobState
from docgraph.ingest.airflow_api import INGEST_DAG, LIVE_RUN_STATES, AirflowApi, ingest_run_id
from ingestion_service.metrics import ServiceMetrics

#: Runs for one and the same set of attempts, before somebody has to look why none of them claims it.
MOST_RUNS = 20


class Trigger:
    """Triggers runs and counts what came of it."""

    def __init__(self, airflow: AirflowApi, metrics: ServiceMetrics) -> None:
        """Keep the session with Airflow."""
        self._airflow = airflow
        self._metrics = metrics

    def start(self, tag: str, jobs: Sequence[JobState], note: str | None = None) -> str:
        """Make sure that a run for these queued jobs of one dataset exists and is live; return its id.

        Raises:
            StoreUnavailableError: Airflow can't be reached, or its runs keep ending without claiming the jobs.
            ConfigurationError: Airflow refuses the user.
        """
        base = ingest_run_id(tag, ((state.job.job_id, state.attempt) for state in jobs))
        conf = {"tag": tag, "job_ids": [state.job.job_id for state in jobs]}
        try:
            for number in range(1, MOST_RUNS + 1):
                run_id = base if number == 1 else f"{base}__{number}"
                if self._airflow.trigger(INGEST_DAG, run_id, conf, note):
                    self._metrics.runs.labels("created").inc()
                    return run_id
                if self._airflow.run_state(INGEST_DAG, run_id) in LIVE_RUN_STATES:
                    self._metrics.runs.labels("exists").inc()
                    return run_id
        except StoreUnavailableError:
            self._metrics.runs.labels("unreachable").inc()
            raise
        raise StoreUnavailableError(
            f"{MOST_RUNS} runs for {len(jobs)} jobs of {tag} ended without claiming them; look at the claim task of {base} in "
            "Airflow, then cancel and resume the jobs."
        )
