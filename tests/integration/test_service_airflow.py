"""The sidecar and Airflow, both real: triggering, picking up what nobody triggered, giving back what a lost run held."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping

import pytest
import redis

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.ingest import intake, pipeline
from docgraph.ingest.airflow_api import AirflowApi
from docgraph.ingest.intake import NewJob
from docgraph.ingest.launcher import INGEST_DAG, LIVE_RUN_STATES, ingest_run_id
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings

PATIENCE = 120.0


@pytest.fixture
def airflow(stack_env: Mapping[str, str], settings: Settings) -> Iterator[AirflowApi]:
    """A session with the stack's Airflow."""
    assert stack_env
    made = AirflowApi(settings.airflow_api_url, settings.airflow_user, settings.airflow_password)
    yield made
    made.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.3)


def snapshot(runtime: Runtime) -> str:
    return runtime.snapshots.put_stream(
        [f"# Guide {uuid.uuid4()}\n\nThe text of the guide.\n".encode()], limit=None
    ).sha256


def ended(runtime: Runtime, job_id: str) -> JobState:
    def is_final() -> bool:
        states = runtime.state.jobs.get_many([job_id])
        return bool(states) and states[0].status.is_final

    wait_until(is_final, f"job {job_id} has ended")
    return runtime.state.jobs.get(job_id)


def test_a_run_is_created_once_and_can_be_asked_for(airflow: AirflowApi, tag: str) -> None:
    run_id = ingest_run_id(tag, [(str(uuid.uuid4()), 1)])
    assert airflow.run_state(INGEST_DAG, run_id) is None
    assert airflow.trigger(INGEST_DAG, run_id, {"tag": tag, "job_ids": []}, note="a test") is True
    live = {run.run_id: run for run in airflow.live_runs(INGEST_DAG)}
    assert live[run_id].conf == {"tag": tag, "job_ids": []}
    assert airflow.trigger(INGEST_DAG, run_id, {"tag": tag, "job_ids": []}) is False
    assert airflow.run_state(INGEST_DAG, run_id) in {*LIVE_RUN_STATES, "failed", "success"}
    wait_until(lambda: airflow.run_state(INGEST_DAG, run_id) not in LIVE_RUN_STATES, "the empty run has ended")
    assert run_id not in {run.run_id for run in airflow.live_runs(INGEST_DAG)}


def test_airflow_says_that_it_is_well(airflow: AirflowApi) -> None:
    assert airflow.healthy()
    assert airflow.ping() < 5


def test_an_unknown_dag_and_a_wrong_password_are_told_apart(airflow: AirflowApi, settings: Settings) -> None:
    with pytest.raises(StoreUnavailableError, match="does not know the DAG 'no_such_dag'"):
        airflow.trigger("no_such_dag", "run", {})
    stranger = AirflowApi(settings.airflow_api_url, settings.airflow_user, "wrong")
    with pytest.raises(ConfigurationError, match="AIRFLOW_PASSWORD"):
        stranger.run_state(INGEST_DAG, "run")
    stranger.close()


def test_a_job_that_another_program_queued_is_dispatched(
    airflow: AirflowApi, runtime: Runtime, settings: Settings, tag: str
) -> None:
    job_id = str(uuid.uuid4())
    entry = {
        "job_id": job_id,
        "source_uri": "upload:///foreign.md",
        "content_type": "text/markdown",
        "checksum": snapshot(runtime),
        "tag": tag,
        "created_at": "2026-11-23T20:00:00Z",
    }
    with redis.Redis.from_url(settings.redis_url) as client:
        client.xadd("ingest:jobs", entry)
    state = ended(runtime, job_id)
    assert (state.status, state.outcome, state.attempt) == (JobStatus.COMPLETED, "created", 1)
    assert state.run_id == ingest_run_id(tag, [(job_id, 1)])


def test_a_job_whose_run_has_vanished_is_done_in_another_run(airflow: AirflowApi, runtime: Runtime, tag: str) -> None:
    new = NewJob("upload:///lost.md", tag, snapshot(runtime))
    job_id = intake.accept(runtime, [new])[0].job_id
    assert runtime.state.jobs.claim("run-that-airflow-never-had", tag=tag, job_ids=[job_id])
    state = ended(runtime, job_id)
    assert (state.status, state.attempt) == (JobStatus.COMPLETED, 2)
    assert state.run_id == ingest_run_id(tag, [(job_id, 2)])


def test_a_job_that_is_lost_too_often_fails_with_that_reason_and_a_report(
    airflow: AirflowApi, runtime: Runtime, tag: str
) -> None:
    new = NewJob("upload:///cursed.md", tag, snapshot(runtime))
    job_id = intake.accept(runtime, [new])[0].job_id
    jobs = runtime.state.jobs
    for attempt in range(1, runtime.config.pipeline.max_attempts):
        jobs.claim(f"lost-{attempt}-{tag}", tag=tag, job_ids=[job_id])
        assert jobs.requeue(job_id, f"lost-{attempt}-{tag}", "lost by the test")
    jobs.claim(f"lost-last-{tag}", tag=tag, job_ids=[job_id])
    state = ended(runtime, job_id)
    assert (state.status, state.error_code) == (JobStatus.FAILED, "run_lost")
    assert f"lost-last-{tag} is gone from Airflow" in state.error
    wait_until(lambda: bool(jobs.get(job_id).report), "the report on the lost run is written")


def test_a_run_that_ended_without_its_report_gets_it_from_the_sidecar(
    airflow: AirflowApi, runtime: Runtime, tag: str
) -> None:
    new = NewJob("upload:///guide.md", tag, snapshot(runtime))
    first = ended(runtime, intake.accept(runtime, [new])[0].job_id)
    wait_until(lambda: airflow.run_state(INGEST_DAG, first.run_id) not in LIVE_RUN_STATES, "the run has ended")
    # Settled at once as unchanged, in the name of a run whose report is over.
    job_id = intake.accept(runtime, [new])[0].job_id
    assert pipeline.claim(runtime, first.run_id, tag, [job_id]) == []
    runtime.state.readiness.set(tag, {"ready": "unknown"})
    wait_until(lambda: bool(runtime.state.jobs.get(job_id).report), "the report that the run owes is written")
    state = runtime.state.jobs.get(job_id)
    assert (state.status, state.outcome, state.attempt) == (JobStatus.COMPLETED, "unchanged", 1)
    readiness = runtime.state.readiness.get(tag)
    assert readiness is not None
    assert readiness.ready
