"""Starting a run for queued jobs: whoever names the same jobs names the same run, so that it is started once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.ingest.airflow_api import INGEST_DAG, AirflowApi, ingest_run_id
from docgraph.runtime.connections import Runtime

logger = logging.getLogger(__name__)


def trigger(runtime: Runtime, tag: str, job_ids: Sequence[str]) -> str | None:
    """Start `ingest_documents` for these jobs; returns the run's id, or None where Airflow can't be reached.

    Not reaching Airflow loses nothing: the jobs stay queued, and the sidecar's dispatcher starts a run for them later.
    """
    states = runtime.state.jobs.get_many(job_ids)
    run_id = ingest_run_id(tag, ((state.job.job_id, state.attempt) for state in states))
    settings = runtime.settings
    api = AirflowApi(settings.airflow_api_url, settings.airflow_user, settings.airflow_password)
    try:
        api.trigger(INGEST_DAG, run_id, {"tag": tag, "job_ids": [state.job.job_id for state in states]})
    except (StoreUnavailableError, ConfigurationError) as error:
        logger.warning("no run was started for %d jobs of %s: %s", len(states), tag, error)
        return None
    finally:
        api.close()
    return run_id
