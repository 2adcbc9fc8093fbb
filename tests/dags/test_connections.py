"""Tasks take addresses and credentials from Airflow's connections, and from the environment where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph_local.paths import repository

ROOT = repository()
NOWHERE = "bolt://127.0.0.1:9"
Ran = Callable[[str, Mapping[str, str]], Any]
READS, IS_TOLD = "what_a_task_reads", "what_a_task_is_told"


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Airflow with an empty metadata database."""
    home = tmp_path_factory.mktemp("airflow")
    _airflow(home, {}, "-m", "airflow", "db", "migrate")
    (home / "dags").mkdir()
    shutil.copy2(Path(__file__).with_name("connection_dags.py"), home / "dags")
    return home


@pytest.fixture
def run(airflow_home: Path) -> Ran:
    """Run a DAG of `connection_dags.py` with more variables; return what its task said."""

    def running(dag: str, variables: Mapping[str, str]) -> Any:
        output = _airflow(airflow_home, variables, str(airflow_home / "dags" / "connection_dags.py"), dag)
        found = json.loads(output.splitlines()[-1])
        assert found["state"] == "success"
        return found["said"]

    return running


def _airflow(home: Path, variables: Mapping[str, str], *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "DOCGRAPH_HOME": str(home / "docgraph"),
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("config", "include", "")),
        **variables,
    }
    ran = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=home,
        text=True,
        capture_output=True,
        timeout=150,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return ran.stdout


def _connection(uri: str, user: str, password: str) -> str:
    parts = urlsplit(uri)
    return json.dumps(
        {"conn_type": "neo4j", "host": parts.hostname, "port": parts.port, "login": user, "password": password}
    )


def test_a_task_reads_the_graph_that_the_connection_names_and_not_that_of_the_environment(
    run: Ran, runtime: Runtime, settings: Settings, tag: str
) -> None:
    runtime.graph.ensure_dataset(tag, runtime.embedding_version.name)
    right = _connection(settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password)
    assert tag in run(READS, {"DOCGRAPH_NEO4J_URI": NOWHERE, "AIRFLOW_CONN_NEO4J_DEFAULT": right})


def test_a_task_without_connections_reads_the_graph_of_the_environment(
    run: Ran, runtime: Runtime, settings: Settings, tag: str
) -> None:
    runtime.graph.ensure_dataset(tag, runtime.embedding_version.name)
    of_the_environment = {
        "DOCGRAPH_NEO4J_URI": settings.neo4j_uri,
        "DOCGRAPH_NEO4J_USER": settings.neo4j_user,
        "DOCGRAPH_NEO4J_PASSWORD": settings.neo4j_password,
    }
    assert tag in run(READS, of_the_environment)
    other = {"AIRFLOW_CONN_NEO4J_DEFAULT": _connection(NOWHERE, "a", "b")}
    assert run(IS_TOLD, {**of_the_environment, **other})["neo4j"] == [NOWHERE, "a", "b"]


def test_what_no_connection_says_is_the_environments(run: Ran) -> None:
    found = run(IS_TOLD, {"DOCGRAPH_NEO4J_URI": NOWHERE, "DOCGRAPH_REDIS_URL": "redis://:x@redis.example:7/2"})
    assert found["neo4j"][0] == NOWHERE
    assert found["redis"] == "redis://:x@redis.example:7/2"
    assert found["aws"] == [None, None, None, None]


def test_redis_and_s3_come_from_their_connections(run: Ran) -> None:
    redis = {
        "conn_type": "redis",
        "host": "redis.example",
        "login": "me",
        "password": "p@ss/word",
        "extra": {"db": 3, "ssl": True},
    }
    aws = {
        "conn_type": "aws", "login": "key", "password": "secret",
        "extra": {"region_name": "eu-west-1", "endpoint_url": "http://s3.example:9000"},
    }  # fmt: skip
    variables = {
        "AIRFLOW_CONN_REDIS_DEFAULT": json.dumps(redis),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "DOCGRAPH_BLOBS_URL": "s3://bucket/prefix",
    }
    found = run(IS_TOLD, variables)
    assert found["redis"] == "rediss://me:p%40ss%2Fword@redis.example:6379/3"
    assert found["aws"] == ["http://s3.example:9000", "eu-west-1", "key", "secret"]


def test_a_bucket_is_reached_by_the_connection_of_its_source_and_blobs_by_theirs(run: Ran) -> None:
    own = {"conn_type": "aws", "login": "key", "password": "secret", "extra": {"region_name": "eu-west-1"}}
    partner = {
        "conn_type": "aws", "login": "theirs", "password": "hidden",
        "extra": {"region_name": "auto", "endpoint_url": "https://r2.example"},
    }  # fmt: skip
    variables = {
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(own),
        "AIRFLOW_CONN_PARTNER": json.dumps(partner),
        "DOCGRAPH_BLOBS_URL": "s3://bucket/prefix",
    }
    blobs = [None, "eu-west-1", "key", "secret"]
    assert run("what_sources_are_told", variables) == {
        "default": {"source": blobs, "blobs": blobs},
        "partner": {"source": ["https://r2.example", "auto", "theirs", "hidden"], "blobs": blobs},
    }
