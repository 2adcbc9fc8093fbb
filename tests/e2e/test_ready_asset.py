"""The asset of a dataset on the whole running stack, with the documentation's example as the DAG that waits for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from docgraph.domain.jobs import JobState, JobStatus
from docgraph.ingest.launcher import INGEST_DAG
from docgraph.runtime.connections import Runtime
from docgraph_local.stack import Stack
from support.e2e.drops import Drops, page, report_of, wait_for

CONSUMER = "use_ready_dataset"
#: So many that one bad document among them leaves the dataset ready.
ENOUGH = 110


@dataclass(frozen=True)
class Airflow:
    """What Airflow says over its REST interface."""

    client: httpx.Client

    def get(self, path: str, **query: str) -> Any:
        answer = self.client.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    def events(self, uri: str) -> list[dict[str, Any]]:
        """Return the events of an asset; none where Airflow doesn't know the asset.

        Airflow 3.3.2 answers 500 while a run that an event created is still queued: ask when the run has ended.
        """
        assets = [asset for asset in self.get("/assets", uri_pattern=uri)["assets"] if asset["uri"] == uri]
        pages = [self.get("/assets/events", asset_id=str(asset["id"]), limit="100") for asset in assets]
        return [event for page in pages for event in page["asset_events"]]

    def run_state(self, run_id: str) -> str:
        return str(self.get(f"/dags/{INGEST_DAG}/dagRuns/{run_id}")["state"])

    def states(self, run_id: str) -> Mapping[str, str]:
        """Return the states of a run's tasks that are not mapped."""
        tasks = self.get(f"/dags/{INGEST_DAG}/dagRuns/{run_id}/taskInstances", limit="500")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks if task["map_index"] < 0}

    def consumed(self, run_id: str) -> str | None:
        """Return the run of the example that has ended well and that an event of this run had started."""
        for run in self.get(f"/dags/{CONSUMER}/dagRuns", order_by="-id", limit="20")["dag_runs"]:
            assert run["state"] != "failed", run
            # Of a run that is still queued Airflow 3.3.2 can't show the events, as above.
            if run["state"] != "success":
                continue
            name = run["dag_run_id"]
            events = self.get(f"/dags/{CONSUMER}/dagRuns/{name}/upstreamAssetEvents")["asset_events"]
            if run_id in [event["source_run_id"] for event in events]:
                return str(name)
        return None

    def said(self, run: str, task: str) -> Any:
        """Return what a task of the example returned."""
        path = f"/dags/{CONSUMER}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        return self.get(path, deserialize="true")["value"]


@pytest.fixture
def airflow(stack: Stack, runtime: Runtime) -> Iterator[Airflow]:
    """Somebody who looks at Airflow."""
    assert stack.running
    settings = runtime.settings
    login = {"username": settings.airflow_user, "password": settings.airflow_password}
    token = httpx.post(f"{settings.airflow_api_url}/auth/token", json=login, trust_env=False).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(
        base_url=f"{settings.airflow_api_url}/api/v2", headers=headers, trust_env=False, timeout=30
    ) as it:
        yield Airflow(it)


def reported(drops: Drops, files: Mapping[str, str]) -> list[JobState]:
    """Drop files into a dataset that others may use too, and return their jobs once they are final and reported."""
    drops.drop(files)

    def found() -> list[JobState] | None:
        jobs = [job for job in drops.jobs() if job.job.source_uri.rpartition("/")[2] in files]
        return jobs if len(jobs) == len(files) and all(job.status.is_final and job.report for job in jobs) else None

    return wait_for(found, f"{len(files)} reported jobs", 180)


def test_a_dataset_that_is_not_ready_gets_no_event(drops: Drops, airflow: Airflow) -> None:
    (job,) = reported(drops, {"empty.md": ""})
    assert report_of(drops.runtime, job)["ready_for_queries"] is False
    wait_for(lambda: airflow.run_state(job.run_id) == "failed", "the run has ended as failed", 60)
    assert airflow.states(job.run_id)["report"] == "success"
    assert airflow.events(f"docgraph://{drops.tag}/ready") == []


@pytest.mark.timeout(400)
def test_a_dag_of_ones_own_starts_when_the_dataset_is_ready_although_a_job_failed(
    stack: Stack, runtime: Runtime, airflow: Airflow
) -> None:
    drops, word = Drops(runtime, "docs"), uuid.uuid4().hex[:8]
    good = reported(drops, {f"{word}-{n}.md": page(f"Page {n} of {word}", 1, f"{word}{n}") for n in range(ENOUGH)})
    assert {job.status for job in good} == {JobStatus.COMPLETED}
    (bad,) = reported(drops, {f"{word}-empty.md": ""})
    report = report_of(runtime, bad)
    assert (bad.status, report["ready_for_queries"]) == (JobStatus.FAILED, True), report["reasons"]

    wait_for(lambda: airflow.run_state(bad.run_id) == "failed", "the run has ended as failed", 60)
    assert airflow.states(bad.run_id)["conclude"] == "failed"
    newest = good[0].run_id
    run = wait_for(lambda: airflow.consumed(newest), f"{CONSUMER} has run for {newest}", 60)
    assert airflow.said(run, "changes")["changed"] >= report_of(runtime, good[0])["counts"]["created"] > 0
    assert "documents changed in ingest__docs__" in airflow.said(run, "ask")
    wait_for(lambda: airflow.consumed(bad.run_id), f"{CONSUMER} has run for {bad.run_id}", 60)

    (event,) = [event for event in airflow.events("docgraph://docs/ready") if event["source_run_id"] == bad.run_id]
    assert event["source_task_id"] == "report"
    assert event["extra"] == {"run": bad.run_id, "report": bad.report, "counts": report["counts"]}
