"""What an Airflow connection becomes in docgraph's settings: the address that the provider's own hook would connect to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.redis.hooks.redis import RedisHook

from docgraph.airflow import connections
from docgraph.airflow.connections import source_settings, task_settings
from docgraph.domain.errors import ConfigurationError
from docgraph.runtime.config import SourceConfig
from docgraph.settings import HttpAccess, Settings
from docgraph_local.airflow_env import airflow_environment
from docgraph_local.deployment import read_deployment

NEO4J, REDIS = "AIRFLOW_CONN_NEO4J_DEFAULT", "AIRFLOW_CONN_REDIS_DEFAULT"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that names every store, and no connection."""
    for name in (NEO4J, REDIS, "AIRFLOW_CONN_AWS_DEFAULT", "DOCGRAPH_BLOBS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("DOCGRAPH_NEO4J_URI", "bolt://environment:1")
    monkeypatch.setenv("DOCGRAPH_REDIS_URL", "redis://environment:2/0")


def read(monkeypatch: pytest.MonkeyPatch, variable: str, **connection: Any) -> Settings:
    other = REDIS if variable == NEO4J else NEO4J
    hosts = {NEO4J: {"conn_type": "neo4j", "host": "n"}, REDIS: {"conn_type": "redis", "host": "r"}}
    monkeypatch.setenv(other, json.dumps(hosts[other]))
    monkeypatch.setenv(variable, json.dumps({**hosts[variable], **connection}))
    return task_settings()


@pytest.mark.parametrize(
    ("extra", "uri"),
    [
        ({}, "bolt://graph:7687"),
        ({"neo4j_scheme": True}, "neo4j://graph:7687"),
        ({"neo4j_scheme": True, "certs_trusted_ca": True, "encrypted": True}, "neo4j+s://graph:7687"),
        ({"certs_self_signed": True}, "bolt+ssc://graph:7687"),
        ({"encrypted": True}, "bolt+s://graph:7687"),
    ],
)
def test_the_schemes_of_neo4j_are_those_of_the_hook(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, bool], uri: str
) -> None:
    settings = read(monkeypatch, NEO4J, host="graph", login="me", password="pässword", extra=extra)
    assert (settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password) == (uri, "me", "pässword")


def test_redis_is_the_server_that_the_hook_connects_to(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"db": 4, "ssl": True, "ssl_cert_reqs": "none"}
    settings = read(monkeypatch, REDIS, host="cache", port=6380, login="me", password="p@ss/wörd", extra=extra)
    import redis

    ours = redis.Redis.from_url(settings.redis_url).connection_pool
    theirs = RedisHook().get_conn().connection_pool  # type: ignore[no-untyped-call]
    for name in ("host", "port", "username", "password", "db", "ssl_cert_reqs"):
        assert ours.connection_kwargs[name] == theirs.connection_kwargs[name], name
    assert ours.connection_class is theirs.connection_class


@pytest.mark.parametrize(
    ("variable", "connection", "said"),
    [
        (NEO4J, {"host": None}, "neo4j_default names no host"),
        (REDIS, {"host": None}, "redis_default names no host"),
        (NEO4J, {"schema": "other"}, "names the database 'other'"),
        (REDIS, {"extra": {"cluster": True}}, "a Redis cluster"),
    ],
)
def test_a_connection_that_docgraph_can_not_use_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, connection: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read(monkeypatch, variable, **connection)


def test_no_task_opens_a_runtime_of_the_environment_alone() -> None:
    folder = Path(connections.__file__).parent
    assert [path.name for path in folder.glob("*.py") if "Runtime.load" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example:6380/3",
        "redis://:p%40ss%2Fword@redis.example:6379/0",
        "rediss://me:secret@redis.example:6379/2?ssl_cert_reqs=none",
    ],
)
def test_the_local_stack_tells_tasks_of_the_very_redis_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    stack = read_deployment(tmp_path, environ={"DOCGRAPH_REDIS_URL": url})
    monkeypatch.setenv(REDIS, airflow_environment(stack)[REDIS])
    monkeypatch.setenv(NEO4J, airflow_environment(stack)[NEO4J])
    assert task_settings().redis_url == url


@pytest.mark.parametrize(
    "uri", ["bolt://graph:7687", "neo4j+s://graph:7687", "bolt+ssc://graph:7688", "neo4j://graph:1"]
)
def test_the_local_stack_tells_tasks_of_the_very_graph_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uri: str
) -> None:
    environ = {"DOCGRAPH_NEO4J_URI": uri, "DOCGRAPH_NEO4J_USER": "me", "DOCGRAPH_NEO4J_PASSWORD": "p@ss"}
    stack = read_deployment(tmp_path, environ=environ)
    for name in (NEO4J, REDIS):
        monkeypatch.setenv(name, airflow_environment(stack)[name])
    settings = task_settings()
    assert (settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password) == (uri, "me", "p@ss")


def test_a_redis_behind_a_socket_is_left_to_the_environment(tmp_path: Path) -> None:
    stack = read_deployment(tmp_path, environ={"DOCGRAPH_REDIS_URL": "unix:///run/redis.sock?db=1"})
    assert REDIS not in airflow_environment(stack)


def test_a_list_on_the_web_is_asked_for_with_what_its_connection_says(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = SourceConfig(name="handbook", kind="http", where="https://example.org/list", connection="docs_site")
    told = {"conn_type": "http", "login": "me", "password": "hidden", "extra": {"headers": {"X-Key": "k"}}}
    for variable, host in ((NEO4J, "n"), (REDIS, "r")):
        monkeypatch.setenv(variable, json.dumps({"conn_type": "generic", "host": host}))
    monkeypatch.setenv("AIRFLOW_CONN_DOCS_SITE", json.dumps(told))
    assert source_settings(wanted).http == {"docs_site": HttpAccess("me", "hidden", {"X-Key": "k"})}
