"""Runs of DAGs as a task starts them: through the supervisor of its own process, as Airflow's `TriggerDagRunOperator` does.

The task's own identity is enough: no address of an API server, no user and no password. It is the port `ingest.launcher.Runs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DagRunState
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

from docgraph.domain.errors import StoreUnavailableError


class TaskRuns:
    """Runs of DAGs, asked for by the task of this process."""

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any], note: str | None = None) -> bool:
        """Create a run; False: a run with this id exists already.

        Raises:
            StoreUnavailableError: Airflow does not know the DAG (yet), or answers with an error.
        """
        message = TriggerDagRun(dag_id=dag_id, run_id=run_id, conf=dict(conf), note=note)
        try:
            answer = task_runner.SUPERVISOR_COMMS.send(message)
        except AirflowRuntimeError as error:
            raise StoreUnavailableError(
                f"Airflow could not trigger {dag_id} as {run_id}: {error}. Check that the DAG is there and imports without errors."
            ) from error
        return not (isinstance(answer, ErrorResponse) and answer.error is ErrorType.DAGRUN_ALREADY_EXISTS)

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a run (queued, running, success, failed).

        Raises:
            StoreUnavailableError: Airflow does not know the run, or answers with an error.
        """
        try:
            return DagRunState(task_runner.RuntimeTaskInstance.get_dagrun_state(dag_id, run_id)).value
        except AirflowRuntimeError as error:
            raise StoreUnavailableError(f"Airflow could not read the run {run_id} of {dag_id}: {error}.") from error
