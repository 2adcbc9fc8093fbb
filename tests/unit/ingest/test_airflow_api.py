"""Airflow's client against a server that fails as an Airflow on SQLite does: with a 500 that may have been stored all the same."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.retries import RetryPolicy
from docgraph.ingest.airflow_api import WHILE_STARTING, AirflowApi
from support.unit.airflow_server import PASSWORD, AirflowServer, airflow_server

DAG = "ingest_documents"


@pytest.mark.parametrize(
    ("failures", "is_new"),
    [
        ([(500, False), (503, False)], True),
        # Stored all the same: the second request is told that the run exists.
        ([(500, True)], False),
        ([], True),
    ],
)
def test_a_server_error_is_asked_again_and_a_run_that_was_stored_is_there(
    airflow: AirflowServer, api: AirflowApi, failures: list[tuple[int, bool]], is_new: bool
) -> None:
    airflow.failures = list(failures)
    assert api.trigger(DAG, "ingest__x", {"tag": "docs"}) is is_new
    assert len(airflow.asked) == len(failures) + 1
    assert airflow.runs["ingest__x"]["conf"] == {"tag": "docs"}


def test_a_run_that_exists_is_not_made_again(airflow: AirflowServer, api: AirflowApi) -> None:
    assert api.trigger(DAG, "ingest__x", {"tag": "docs"}, note="a test") is True
    assert api.trigger(DAG, "ingest__x", {"tag": "blog"}) is False
    assert airflow.runs["ingest__x"]["conf"] == {"tag": "docs"}


def test_an_airflow_that_keeps_failing_is_unavailable_after_a_few_tries(
    airflow: AirflowServer, api: AirflowApi
) -> None:
    airflow.failures = [(500, False)] * 9
    with pytest.raises(StoreUnavailableError, match="HTTP 500, database is locked"):
        api.trigger(DAG, "ingest__x", {"tag": "docs"})
    assert len(airflow.asked) == 5


def test_a_refused_request_is_not_repeated(airflow: AirflowServer, api: AirflowApi) -> None:
    airflow.failures = [(422, False)]
    with pytest.raises(StoreUnavailableError, match="HTTP 422"):
        api.run_state(DAG, "ingest__x")
    assert len(airflow.asked) == 1


def test_a_token_that_expired_is_renewed_once(airflow: AirflowServer, api: AirflowApi) -> None:
    assert api.run_state(DAG, "absent") is None
    airflow.failures = [(401, False)]
    assert api.run_state(DAG, "absent") is None
    assert airflow.tokens == 2


def test_a_wrong_password_is_an_error_of_the_configuration(airflow: AirflowServer) -> None:
    with (
        AirflowApi(airflow.url, "admin", "wrong") as stranger,
        pytest.raises(ConfigurationError, match="AIRFLOW_PASSWORD"),
    ):
        stranger.run_state(DAG, "ingest__x")


def test_every_page_of_live_runs_is_read(airflow: AirflowServer, api: AirflowApi) -> None:
    for number in range(250):
        api.trigger(DAG, f"run-{number:03}", {"tag": "docs"})
    airflow.runs["run-007"]["state"] = "success"
    assert [run.run_id for run in api.live_runs(DAG)] == [f"run-{number:03}" for number in range(250) if number != 7]


def test_no_runs_of_a_dag_that_airflow_does_not_know(airflow: AirflowServer, api: AirflowApi) -> None:
    airflow.unknown_dags.add(DAG)
    assert api.live_runs(DAG) == []
    with pytest.raises(StoreUnavailableError, match="does not know the DAG"):
        api.trigger(DAG, "ingest__x", {})


def test_an_airflow_that_does_not_answer_is_said_at_once(airflow: AirflowServer) -> None:
    assert airflow.url
    with AirflowApi(f"http://127.0.0.1:{_free_port()}", "admin", PASSWORD, retries=WHILE_STARTING) as api:
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="can't be reached"):
            api.run_state(DAG, "ingest__x")
    assert time.monotonic() - began < 10


def test_a_client_that_waits_for_the_server_finds_it_once_it_is_there() -> None:
    port = _free_port()
    retries = RetryPolicy(first_pause=0.05, growth=1.0, patience=30.0)
    found: list[set[str]] = []

    def ask() -> None:
        with AirflowApi(f"http://127.0.0.1:{port}", "admin", PASSWORD, retries=retries, waits_for_server=True) as api:
            found.append(api.pools())

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    assert found == []
    with airflow_server(port) as server:
        asking.join(25)
        assert server.tokens == 1
    assert found == [set()]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
