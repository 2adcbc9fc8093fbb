"""A server that speaks as Airflow's REST API does, and sessions with it that don't wait between two attempts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docgraph.domain.retries import RetryPolicy
from docgraph.ingest.airflow_api import AirflowApi
from support.unit.airflow_server import PASSWORD, AirflowServer, airflow_server


@pytest.fixture
def airflow() -> Iterator[AirflowServer]:
    with airflow_server() as server:
        yield server


@pytest.fixture
def api(airflow: AirflowServer) -> Iterator[AirflowApi]:
    with AirflowApi(airflow.url, "admin", PASSWORD, retries=RetryPolicy(first_pause=0.0, attempts=5)) as made:
        yield made
