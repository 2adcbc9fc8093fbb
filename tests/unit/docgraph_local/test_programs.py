"""What the stack starts: loopback only, passwords out of command lines, nothing inherited that changes behaviour."""

from __future__ import annotations

import configparser
import json
import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from docgraph.settings import PORT_OFFSETS, Settings
from docgraph_local.airflow_env import airflow_environment
from docgraph_local.deployment import Deployment, Secrets, read_deployment
from docgraph_local.paths import Paths
from docgraph_local.programs import SERVICES, Program, listeners, programs, server_files
from docgraph_local.supervisor import write_configuration


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = read_deployment(tmp_path, 21100, environ={})
    made.paths.create()
    return made


def test_every_port_is_the_base_plus_the_offset_of_the_settings(tmp_path: Path) -> None:
    deployment = read_deployment(tmp_path, 21100, environ={"DOCGRAPH_SECOND_EMBEDDER": "--pooling cls"})
    assert {name: port - 21100 for name, (_, port) in listeners(deployment, SERVICES).items()} == dict(PORT_OFFSETS)


def test_a_second_embedder_runs_where_it_is_configured_and_disturbs_only_who_asks_it(
    tmp_path: Path, deployment: Deployment
) -> None:
    asked = replace(deployment, passed_on={"DOCGRAPH_SECOND_EMBEDDER": "--model '/a folder' --pooling cls"})
    before = {program.name: program for program in programs(deployment, SERVICES)}
    after = {program.name: program for program in programs(asked, SERVICES)}
    assert set(after) - set(before) == {"second-embedder"}
    assert after["second-embedder"].command[-6:] == ("--port", "21107", "--model", "/a folder", "--pooling", "cls")
    changed = {name for name, program in before.items() if program.environment != after[name].environment}
    assert {after[name].service for name in changed} == {"airflow", "sidecar"}
    assert "second-embedder" not in listeners(deployment, SERVICES)
    assert Settings.load(after["sidecar"].environment, tmp_path).second_embeddings_url == "http://127.0.0.1:21107/v1"
    assert Settings.load(before["sidecar"].environment, tmp_path).second_embeddings_url is None


def test_every_service_has_its_programs(deployment: Deployment) -> None:
    named: dict[str, list[str]] = {service: [] for service in SERVICES}
    for program in programs(deployment, SERVICES):
        named[program.service].append(program.name)
    assert {service: tuple(names) for service, names in named.items()} == dict(SERVICES)


def test_nothing_listens_beyond_loopback(deployment: Deployment) -> None:
    everything = json.dumps([list(p.command) + list(p.environment.values()) for p in programs(deployment, SERVICES)])
    everything += "".join(server_files(deployment, SERVICES).values())
    assert "0.0.0.0" not in everything
    scheduler, triggerer = (
        p for p in programs(deployment, SERVICES) if p.name in {"airflow-scheduler", "airflow-triggerer"}
    )
    assert "--skip-serve-logs" in scheduler.command
    assert "--skip-serve-logs" in triggerer.command


def test_no_running_server_has_a_password_in_its_command_line(deployment: Deployment) -> None:
    secrets = {getattr(deployment.secrets, name) for name in Secrets.__slots__}
    for program in programs(deployment, SERVICES):
        if not program.one_shot:
            assert not secrets.intersection(program.command), program.name


def test_a_needed_program_is_one_that_is_started(deployment: Deployment) -> None:
    for services in (("redis",), ("neo4j",), ("airflow", "sidecar"), tuple(SERVICES)):
        made = programs(deployment, services)
        names = {program.name for program in made}
        assert all(names.issuperset(program.needs) for program in made)


def test_an_external_store_is_not_started_and_opens_no_port(tmp_path: Path) -> None:
    deployment = read_deployment(tmp_path, 21100, environ={"DOCGRAPH_NEO4J_URI": "bolt://graph.example:7687"})
    assert "neo4j" not in {program.service for program in programs(deployment, SERVICES)}
    assert not {"neo4j-bolt", "neo4j-http"} & listeners(deployment, SERVICES).keys()
    assert all("neo4j" not in path.parts for path in server_files(deployment, SERVICES))


def test_a_migrated_airflow_is_not_migrated_again(deployment: Deployment) -> None:
    assert "airflow-migrate" in {p.name for p in programs(deployment, ["airflow"])}
    (deployment.paths.airflow_home / "migrated-3.3.2").touch()
    later = programs(deployment, ["airflow"])
    assert "airflow-migrate" not in {p.name for p in later}
    assert all(p.needs == () for p in later)


def test_what_would_slow_or_redirect_the_processes_is_not_inherited(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "SequentialExecutor")
    monkeypatch.setenv("DOCGRAPH_NEO4J_URI", "bolt://elsewhere:1")
    monkeypatch.setenv("AIRFLOW_CONN_SOURCE", "http://docs.example")
    for program in programs(deployment, SERVICES):
        seen = {**program.inherited, **program.environment}
        assert "PYTHONDONTWRITEBYTECODE" not in seen
        assert seen["DOCGRAPH_NEO4J_URI"] == "bolt://127.0.0.1:21102"
        assert seen["AIRFLOW_CONN_SOURCE"] == "http://docs.example"
        assert seen.get("AIRFLOW__CORE__EXECUTOR") != "SequentialExecutor"


def test_every_process_carries_the_mark_of_its_stack(deployment: Deployment) -> None:
    for program in programs(deployment, SERVICES):
        assert program.environment["DOCGRAPH_STACK_ID"] == deployment.secrets.stack_id
        assert program.environment["DOCGRAPH_PROGRAM"] == program.name
        assert program.environment["SPT_NOENV"] == "1"


def test_airflow_reaches_the_stores_with_the_settings_of_the_stack(deployment: Deployment) -> None:
    environment = airflow_environment(deployment)
    neo4j = json.loads(environment["AIRFLOW_CONN_NEO4J_DEFAULT"])
    redis = json.loads(environment["AIRFLOW_CONN_REDIS_DEFAULT"])
    assert (neo4j["host"], neo4j["port"], neo4j["password"]) == ("127.0.0.1", 21102, deployment.secrets.neo4j_password)
    assert (redis["host"], redis["port"], redis["password"]) == ("127.0.0.1", 21101, deployment.secrets.redis_password)


def test_neo4j_is_started_without_half_a_gigabyte_of_empty_logs(deployment: Deployment) -> None:
    text = server_files(deployment, ["neo4j"])[deployment.paths.data("neo4j") / "conf" / "neo4j.conf"]
    lines = text.splitlines()
    assert "db.tx_log.preallocate=false" in lines
    assert "dbms.security.auth_enabled=true" in lines
    assert "dbms.usage_report.enabled=false" in lines


def test_redis_keeps_what_it_acknowledged(deployment: Deployment) -> None:
    lines = server_files(deployment, ["redis"])[deployment.paths.data("redis") / "redis.conf"].splitlines()
    assert {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "bind 127.0.0.1"} <= set(lines)


def test_the_configuration_of_the_supervisor_holds_no_secret_and_survives_percent_signs(tmp_path: Path) -> None:
    deployment = read_deployment(tmp_path / "100% mine", 21100, environ={})
    deployment.paths.create()
    write_configuration(deployment.paths, programs(deployment, SERVICES))
    text = deployment.paths.supervisor_config.read_text()
    assert not [name for name in Secrets.__slots__ if getattr(deployment.secrets, name) in text]
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    assert "100%% mine" in parsed["program:redis"]["command"]
    assert stat.S_IMODE(deployment.paths.launch_file("redis").stat().st_mode) == 0o600


def test_only_a_change_of_its_own_makes_a_program_different(deployment: Deployment) -> None:
    program = Program(
        "redis", "redis", ("redis-server",), {"A": "1", "DOCGRAPH_STACK_ID": "x"}, inherited={"TERM": "a"}
    )
    assert write_configuration(deployment.paths, [program]) is True
    assert write_configuration(deployment.paths, [replace(program, inherited={"TERM": "b"})]) is False
    assert write_configuration(deployment.paths, [replace(program, environment={"A": "2"})]) is True


def test_a_home_with_a_long_path_gets_a_socket_that_can_be_bound(tmp_path: Path) -> None:
    short, long = Paths(Path("/srv/docgraph")), Paths(tmp_path / ("deep" * 30))
    assert short.socket == Path("/srv/docgraph/run/supervisor.sock")
    long.create()
    assert stat.S_IMODE(long.socket.parent.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as listener:
        # supervisord binds a temporary name with its process id first.
        listener.bind(f"{long.socket}.{os.getpid()}")
    Path(f"{long.socket}.{os.getpid()}").unlink()
    long.socket.parent.rmdir()
