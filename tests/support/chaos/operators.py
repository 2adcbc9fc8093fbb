"""What a person does to a run in Airflow's UI, through the same REST API: mark as failed, delete, clear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from docgraph.ingest.launcher import INGEST_DAG
from docgraph.settings import Settings
from support.e2e.drops import wait_for

MARKED_FAILED, DELETED, CLEARED = "run marked failed", "run deleted", "task cleared"
ACTS = (MARKED_FAILED, DELETED, CLEARED)
_RUNS = f"/api/v2/dags/{INGEST_DAG}/dagRuns"


@dataclass(frozen=True)
class TaskInstance:
    """One task of a run as Airflow shows it; `index` is -1 where it is not mapped."""

    task_id: str
    index: int
    state: str
    tries: int
    pid: int

    def __str__(self) -> str:
        return f"{self.task_id}, try {self.tries}"


class Operator:
    """A person who is logged in to the stack's Airflow."""

    def __init__(self, settings: Settings) -> None:
        self._http = httpx.Client(base_url=settings.airflow_api_url, trust_env=False, timeout=30)
        login = {"username": settings.airflow_user, "password": settings.airflow_password}
        token = self._send("POST", "/auth/token", login).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def act(self, what: str, run_id: str, task: TaskInstance) -> None:
        """Do one of `ACTS` to a run that is under way; `task` is what it is doing just now."""
        if what == CLEARED:
            self.clear(run_id, task)
            return
        self.mark_failed(run_id)
        if what == DELETED:
            # Airflow deletes no run that is still running.
            wait_for(lambda: self._state(run_id) == "failed", f"{run_id} is marked failed", 30)
            self._send("DELETE", f"{_RUNS}/{run_id}")

    def mark_failed(self, run_id: str) -> None:
        """Mark a run as failed."""
        self._send("PATCH", f"{_RUNS}/{run_id}", {"state": "failed"})

    def fail_task(self, run_id: str, task: TaskInstance) -> None:
        """Mark one task as failed; those below it are not started any more."""
        index = "" if task.index < 0 else f"/{task.index}"
        self._send("PATCH", f"{_RUNS}/{run_id}/taskInstances/{task.task_id}{index}", {"new_state": "failed"})

    def clear(self, run_id: str, task: TaskInstance) -> None:
        """Clear a task with all that is downstream of it, so that Airflow runs them again."""
        named = task.task_id if task.index < 0 else [task.task_id, task.index]
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [named],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._send("POST", f"/api/v2/dags/{INGEST_DAG}/clearTaskInstances", body)

    def task_with(self, run_id: str, pid: int) -> TaskInstance:
        """Return the task of the run that Airflow says is this process."""

        def found() -> TaskInstance | None:
            return next((task for task in self.tasks(run_id) if task.pid == pid), None)

        return wait_for(found, f"Airflow knows the process {pid} as a task of {run_id}", 30)

    def task(self, run_id: str, task_id: str) -> TaskInstance:
        """Return the (first) task instance of this id."""
        return next(task for task in self.tasks(run_id) if task.task_id == task_id)

    def tasks(self, run_id: str) -> Iterator[TaskInstance]:
        """Yield the tasks of a run."""
        for row in self._send("GET", f"{_RUNS}/{run_id}/taskInstances").json()["task_instances"]:
            yield TaskInstance(
                row["task_id"], row["map_index"], row["state"] or "", row["try_number"] or 0, row["pid"] or 0
            )

    def await_end(self, run_id: str, seconds: float) -> str:
        """Wait until a run has ended; return its state, or `deleted`."""

        def ended() -> str | None:
            state = self._state(run_id)
            return state if state in {"success", "failed", "deleted"} else None

        return wait_for(ended, f"run {run_id} has ended", seconds)

    def close(self) -> None:
        self._http.close()

    def _state(self, run_id: str) -> str:
        if self._http.get(f"{_RUNS}/{run_id}").status_code == 404:
            return "deleted"
        return str(self._send("GET", f"{_RUNS}/{run_id}").json()["state"])

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}"
        return answer
