"""Starting runs through Airflow's REST client, against a server that keeps runs as Airflow does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.jobs import Job, JobState, JobStatus, new_job_id
from docgraph.domain.retries import RetryPolicy
from docgraph.ingest.airflow_api import AirflowApi
from docgraph.ingest.launcher import INGEST_DAG, MOST_RUNS, RunLauncher, ingest_run_id, is_ingest_run_id
from support.unit.airflow_server import AirflowServer


def queued(tag: str = "docs", *, version: int = 1, attempt: int = 1, status: JobStatus = JobStatus.QUEUED) -> JobState:
    job = Job(new_job_id(), "upload:///a.md", "text/markdown", "ab", tag, "2026-11-23T20:00:00Z", version=version)
    return JobState(job, "document", status, attempt=attempt)


@pytest.fixture
def outcomes() -> Counter[str]:
    return Counter()


@pytest.fixture
def launcher(api: AirflowApi, outcomes: Counter[str]) -> RunLauncher:
    return RunLauncher(api, max_jobs_per_run=3, observe=lambda outcome: outcomes.update([outcome]))


def test_jobs_share_a_run_by_dataset_in_the_order_of_their_versions(
    launcher: RunLauncher, airflow: AirflowServer, outcomes: Counter[str]
) -> None:
    first, second, other = queued(version=1), queued(version=2), queued("blog", version=3)
    docs, blog = launcher.ingest([other, second, first], note="a test")
    assert (docs.tag, docs.jobs, blog.tag, blog.jobs) == ("docs", (first, second), "blog", (other,))
    assert docs.run_id is not None
    assert airflow.runs[docs.run_id]["conf"] == {"tag": "docs", "job_ids": [first.job.job_id, second.job.job_id]}
    assert airflow.runs[docs.run_id]["note"] == "a test"
    assert outcomes == {"created": 2}


def test_no_run_gets_more_jobs_than_the_configuration_allows(launcher: RunLauncher, airflow: AirflowServer) -> None:
    jobs = [queued(version=number) for number in range(1, 9)]
    launches = list(launcher.ingest(jobs))
    assert [len(launch.jobs) for launch in launches] == [3, 3, 2]
    assert len({launch.run_id for launch in launches}) == len(airflow.runs) == 3
    named = [job_id for run in airflow.runs.values() for job_id in run["conf"]["job_ids"]]
    assert named == [state.job.job_id for state in jobs]


def test_the_same_jobs_are_one_run_for_every_caller(
    launcher: RunLauncher, airflow: AirflowServer, outcomes: Counter[str]
) -> None:
    jobs = [queued(version=1), queued(version=2)]
    (first,), (second,) = list(launcher.ingest(jobs)), list(launcher.ingest(reversed(jobs)))
    assert first.run_id == second.run_id
    assert len(airflow.runs) == 1
    assert outcomes == {"created": 1, "exists": 1}


def test_a_further_attempt_is_another_run(launcher: RunLauncher) -> None:
    job = queued().job
    (first,) = launcher.ingest([JobState(job, "document", JobStatus.QUEUED, attempt=1)])
    (second,) = launcher.ingest([JobState(job, "document", JobStatus.QUEUED, attempt=2)])
    assert first.run_id != second.run_id


def test_a_run_that_ended_without_claiming_its_jobs_is_followed_by_the_next_number(
    launcher: RunLauncher, airflow: AirflowServer
) -> None:
    job = queued()
    (first,) = launcher.ingest([job])
    assert first.run_id is not None
    airflow.runs[first.run_id]["state"] = "failed"
    (second,), (third,) = list(launcher.ingest([job])), list(launcher.ingest([job]))
    assert second.run_id == third.run_id == f"{first.run_id}__2"


def test_runs_that_keep_ending_are_an_error_that_names_them(launcher: RunLauncher, airflow: AirflowServer) -> None:
    job = queued()
    for _ in range(MOST_RUNS):
        (launch,) = launcher.ingest([job])
        assert launch.run_id is not None
        airflow.runs[launch.run_id]["state"] = "failed"
    (launch,) = launcher.ingest([job])
    assert launch.run_id is None
    assert isinstance(launch.error, StoreUnavailableError)
    assert ingest_run_id("docs", [(job.job.job_id, 1)]) in str(launch.error)
    assert len(airflow.runs) == MOST_RUNS


def test_jobs_that_are_not_queued_any_more_start_nothing(launcher: RunLauncher, airflow: AirflowServer) -> None:
    ended = [replace(queued(status=status), run_id="run") for status in JobStatus if status is not JobStatus.QUEUED]
    assert list(launcher.ingest(ended)) == []
    assert airflow.runs == {}


def test_what_was_refused_at_intake_goes_to_the_run_that_it_came_with(
    launcher: RunLauncher, airflow: AirflowServer
) -> None:
    good, refused = queued(version=2), queued(version=0, status=JobStatus.FAILED)
    (launch,) = launcher.ingest([good, refused])
    assert airflow.runs[str(launch.run_id)]["conf"]["job_ids"] == [refused.job.job_id, good.job.job_id]
    (alone,) = launcher.ingest([queued(status=JobStatus.FAILED)])
    assert alone.run_id is not None, "even where it came alone: its run's report says why it failed"


def test_a_locked_database_is_waited_out(launcher: RunLauncher, airflow: AirflowServer, outcomes: Counter[str]) -> None:
    airflow.failures = [(500, True), (503, False)]
    (launch,) = launcher.ingest([queued()])
    assert launch.run_id in airflow.runs
    assert outcomes == {"exists": 1}, "the first request was stored although its answer was an error"


def test_one_run_that_fails_keeps_no_other_from_starting(
    launcher: RunLauncher, airflow: AirflowServer, outcomes: Counter[str]
) -> None:
    airflow.failures = [(500, False)] * 5
    failed, started = launcher.ingest([queued("docs", version=1), queued("blog", version=2)])
    assert failed.run_id is None
    assert "database is locked" in str(failed.error)
    assert started.run_id in airflow.runs
    assert outcomes == {"unreachable": 1, "created": 1}


def test_runs_are_started_one_by_one_so_that_a_caller_may_stop_at_the_first_error(
    launcher: RunLauncher, airflow: AirflowServer
) -> None:
    airflow.failures = [(500, False)] * 5
    launches = launcher.ingest([queued("docs", version=1), queued("blog", version=2)])
    assert next(launches).error is not None
    assert airflow.runs == {}


def test_a_refused_password_is_told_as_such(airflow: AirflowServer) -> None:
    with AirflowApi(airflow.url, "admin", "wrong", retries=RetryPolicy(first_pause=0.0, attempts=1)) as api:
        (launch,) = RunLauncher(api, max_jobs_per_run=10).ingest([queued()])
    assert isinstance(launch.error, ConfigurationError)


def test_a_run_with_an_id_of_its_own_is_created_once_however_often_it_is_asked_for(
    launcher: RunLauncher, airflow: AirflowServer
) -> None:
    airflow.failures = [(500, True)]
    assert launcher.create("verify_datasets", "verify__docs__1", {"operation": "verify"}) == "verify__docs__1"
    assert launcher.create("verify_datasets", "verify__docs__1", {"operation": "verify"}) == "verify__docs__1"
    assert list(airflow.runs) == ["verify__docs__1"]


def test_the_first_run_of_a_series_that_is_live_or_free_is_taken(launcher: RunLauncher, airflow: AirflowServer) -> None:
    names = ["move__1", "move__2"]
    assert launcher.create_first_free("reembed_dataset", names, {}) == ("move__1", True)
    assert launcher.create_first_free("reembed_dataset", names, {}) == ("move__1", False)
    airflow.runs["move__1"]["state"] = "success"
    assert launcher.create_first_free("reembed_dataset", names, {}) == ("move__2", True)
    airflow.runs["move__2"]["state"] = "failed"
    assert launcher.create_first_free("reembed_dataset", names, {}) is None


def test_a_runs_id_follows_from_jobs_and_attempts_in_any_order() -> None:
    assert ingest_run_id("docs", [("a", 1), ("b", 2)]) == ingest_run_id("docs", [("b", 2), ("a", 1)])
    assert ingest_run_id("docs", [("a", 1)]) != ingest_run_id("docs", [("a", 2)])
    assert ingest_run_id("docs", [("a", 1)]).startswith("ingest__docs__")
    assert len(ingest_run_id("docs", [("a", 1)])) == len("ingest__docs__") + 16
    assert is_ingest_run_id(ingest_run_id("docs", [("a", 1)]))
    assert INGEST_DAG == "ingest_documents"
