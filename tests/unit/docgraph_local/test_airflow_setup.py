"""What the local stack sets up in a new Airflow, against a server that speaks as Airflow's REST API does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docgraph.ingest.airflow_api import AirflowApi
from docgraph_local.airflow_env import POOLS
from docgraph_local.airflow_setup import ensure_pools, import_errors, unparsed_files
from docgraph_local.paths import repository
from support.unit.airflow_server import PASSWORD, AirflowServer, airflow_server


@pytest.fixture
def airflow() -> Iterator[AirflowServer]:
    with airflow_server() as server:
        yield server


@pytest.fixture
def api(airflow: AirflowServer) -> Iterator[AirflowApi]:
    with AirflowApi(airflow.url, "admin", PASSWORD) as made:
        yield made


def test_pools_are_made_and_one_that_a_user_resized_keeps_its_size(airflow: AirflowServer, api: AirflowApi) -> None:
    airflow.pools["embed"] = {"name": "embed", "slots": 7}
    ensure_pools(api)
    assert airflow.pools.keys() == POOLS.keys()
    assert airflow.pools["embed"]["slots"] == 7
    assert airflow.pools["stores"]["slots"] == POOLS["stores"][0]


def test_a_pool_whose_creation_was_answered_with_an_error_is_there(airflow: AirflowServer, api: AirflowApi) -> None:
    airflow.failures = [(0, True), (500, True)]
    ensure_pools(api)
    assert airflow.pools.keys() == POOLS.keys()


def test_a_file_is_parsed_once_airflow_has_seen_a_dag_or_an_error_in_it(
    airflow: AirflowServer, api: AirflowApi
) -> None:
    every = sorted(path.name for path in (repository() / "dags").glob("*.py"))
    assert unparsed_files(api) == every
    airflow.files = every[1:]
    assert unparsed_files(api) == every[:1]
    airflow.errors = {f"dags/{every[0]}": "Traceback\n  File ...\nImportError: no module named x\n"}
    assert unparsed_files(api) == []
    assert import_errors(api) == {f"dags/{every[0]}": "ImportError: no module named x"}
