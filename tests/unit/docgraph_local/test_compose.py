"""`docker-compose.yaml` against what the code reads and what `make up` starts; no container engine is needed."""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docgraph.settings import DEFAULT_PORT_BASE, PORT_OFFSETS, Settings, project_root
from docgraph_local.airflow_env import AIRFLOW_VERSION, PARALLELISM, POOLS, TUNING, airflow_environment
from docgraph_local.deployment import read_deployment
from docgraph_local.paths import NEO4J_VERSION
from docgraph_local.programs import SERVICES, programs, server_files

ROOT = project_root()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
SERVICE: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = [name for name in SERVICE if name.startswith("airflow-")]
PORTS = {name: DEFAULT_PORT_BASE + offset for name, offset in PORT_OFFSETS.items()}
WRITTEN_BY_COMPOSE_ENV = re.compile(r"\$\{([A-Z0-9_]+)")


def _environment(service: str) -> dict[str, str]:
    environment: dict[str, str] = SERVICE[service].get("environment", {})
    return environment


def _flags(service: str) -> dict[str, str]:
    words = SERVICE[service]["command"]
    return {name: value for name, value in itertools.pairwise(words) if name.startswith("--")}


def test_every_program_of_make_up_has_its_container(tmp_path: Path) -> None:
    made = programs(read_deployment(tmp_path, environ={}), SERVICES)
    assert {program.name for program in made if not program.one_shot} <= SERVICE.keys()


def test_every_variable_is_one_that_the_settings_read() -> None:
    source = (ROOT / "include/docgraph/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"((?:DOCGRAPH|AIRFLOW)_[A-Z0-9_]+)"', source))
    given = {
        name
        for service in ("sidecar", "embedder", *AIRFLOW)
        for name in _environment(service)
        if name.startswith(("DOCGRAPH_", "AIRFLOW_")) and not name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))
    }
    assert given
    assert given <= read


def test_the_settings_of_a_container_name_the_other_containers() -> None:
    settings = Settings.load(_environment("sidecar"))
    addresses = {
        "neo4j": (settings.neo4j_uri, PORTS["neo4j-bolt"]),
        "qdrant": (settings.qdrant_url, PORTS["qdrant"]),
        "redis": (settings.redis_url, PORTS["redis"]),
        "embedder": (settings.embeddings_url, PORTS["embedder"]),
        "sidecar": (settings.service_url, PORTS["sidecar"]),
        "airflow-api-server": (settings.airflow_api_url, PORTS["airflow"]),
    }
    for host, (url, port) in addresses.items():
        assert re.search(rf"[/@]{host}:{port}(/|$)", url), url
        assert host in SERVICE


@pytest.mark.parametrize(
    ("service", "listener"),
    [
        ("redis", "redis"),
        ("neo4j", "neo4j-bolt"),
        ("neo4j", "neo4j-http"),
        ("qdrant", "qdrant"),
        ("embedder", "embedder"),
        ("sidecar", "sidecar"),
        ("airflow-api-server", "airflow"),
    ],
)
def test_a_container_listens_where_make_up_does_and_publishes_on_loopback_only(service: str, listener: str) -> None:
    port = PORTS[listener]
    assert f"127.0.0.1:{port}:{port}" in SERVICE[service]["ports"]
    configured = [*SERVICE[service].get("command", []), *_environment(service).values()]
    assert any(str(port) in str(value) for value in configured)


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for service in SERVICE.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("service", ["embedder", "sidecar"])
def test_a_command_of_our_own_image_is_the_one_of_make_up(service: str, tmp_path: Path) -> None:
    [local] = [p for p in programs(read_deployment(tmp_path, environ={}), SERVICES) if p.name == service]
    ours, theirs = SERVICE[service]["command"], list(local.command)
    assert ours[1:3] == theirs[1:3]
    assert [word for word in ours if word.startswith("--")] == [word for word in theirs if word.startswith("--")]
    assert importlib.util.find_spec(ours[2]) is not None


@pytest.mark.parametrize("service", AIRFLOW)
def test_airflow_is_tuned_as_make_up_tunes_it(service: str, tmp_path: Path) -> None:
    environment = _environment(service)
    assert {name: environment.get(name) for name in TUNING} == TUNING
    assert environment["AIRFLOW__CORE__PARALLELISM"] == str(PARALLELISM)
    local = airflow_environment(read_deployment(tmp_path, environ={}))
    assert {name for name in environment if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))} <= local.keys()


def test_the_pools_are_those_of_make_up() -> None:
    command = SERVICE["airflow-init"]["command"][-1]
    assert {name: int(slots) for name, slots in re.findall(r"pools set (\w+) (\d+)", command)} == {
        name: slots for name, (slots, _) in POOLS.items()
    }


def test_redis_and_neo4j_are_configured_as_make_up_configures_them(tmp_path: Path) -> None:
    deployment = read_deployment(tmp_path, environ={})
    files = {path.name: text for path, text in server_files(deployment, SERVICES).items()}
    redis = dict(line.split(" ", 1) for line in files["redis.conf"].splitlines() if line and not line.startswith("#"))
    flags = _flags("redis")
    assert {name: flags[f"--{name}"] for name in ("appendonly", "appendfsync", "maxmemory-policy", "port")} == {
        name: redis[name] for name in ("appendonly", "appendfsync", "maxmemory-policy", "port")
    }
    neo4j = dict(line.split("=", 1) for line in files["neo4j.conf"].splitlines() if "=" in line)
    tuned = {name: value for name, value in neo4j.items() if name.startswith(("db.tx_log.", "server.memory.pagecache"))}
    environment = _environment("neo4j")
    assert {environment["NEO4J_" + name.replace("_", "__").replace(".", "_")] for name in tuned} == set(tuned.values())


def test_the_images_have_the_versions_that_the_local_stack_has() -> None:
    assert SERVICE["neo4j"]["image"].startswith("neo4j:" + NEO4J_VERSION.rpartition(".")[0])
    assert f"FROM apache/airflow:{AIRFLOW_VERSION}-" in (ROOT / "deploy/docker/Dockerfile.airflow").read_text()
    assert all(":" in service.get("image", "") for service in SERVICE.values())
    # Conditional upserts, on which the commit protocol stands, came with 1.16.
    major, minor = SERVICE["qdrant"]["image"].partition(":v")[2].split(".")[:2]
    assert (int(major), int(minor)) >= (1, 16)


def test_every_mounted_folder_and_copied_file_exists() -> None:
    mounted = {
        volume.split(":")[0]
        for service in SERVICE.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    }
    named = {
        volume.split(":")[0]
        for service in SERVICE.values()
        for volume in service.get("volumes", [])
        if not volume.startswith("./")
    }
    assert named <= COMPOSE["volumes"].keys()
    for dockerfile in (ROOT / "deploy" / "docker").glob("Dockerfile.*"):
        for line in dockerfile.read_text().splitlines():
            if line.startswith("COPY ") and "--from" not in line:
                mounted |= {word for word in line.split()[1:-1] if not word.startswith("--")}
    assert [path for path in sorted(mounted) if not (ROOT / path).exists()] == []


def test_compose_env_generates_every_password_that_is_asked_for() -> None:
    from docgraph_local.compose import compose_environment

    text = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    asked = set(WRITTEN_BY_COMPOSE_ENV.findall(text))
    generated = compose_environment()
    assert asked == generated.keys()
    assert len(set(generated.values())) == len(generated)


def test_a_container_that_is_waited_for_says_when_it_is_ready() -> None:
    for name, service in SERVICE.items():
        for needed, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICE[needed], f"{name} waits for {needed}"


def test_every_alert_asks_for_a_metric_that_exists() -> None:
    pages = [*(ROOT / "ingestion_service").glob("*.py"), ROOT / "embedding_server" / "metrics.py"]
    source = "".join(path.read_text(encoding="utf-8") for path in pages)
    rules = yaml.safe_load((ROOT / "config/prometheus/alerts.yaml").read_text(encoding="utf-8"))
    asked = {
        metric
        for group in rules["groups"]
        for rule in group["rules"]
        for metric in re.findall(r"docgraph_\w+", rule["expr"])
    }
    assert asked
    assert [metric for metric in sorted(asked) if f'"{metric.removesuffix("_total")}"' not in source] == []


def test_prometheus_scrapes_containers_that_exist_at_their_ports() -> None:
    config = yaml.safe_load((ROOT / "config/prometheus/prometheus.yaml").read_text(encoding="utf-8"))
    targets = [
        target for job in config["scrape_configs"] for part in job["static_configs"] for target in part["targets"]
    ]
    for target in targets:
        host, port = target.split(":")
        assert PORTS[host] == int(port)
        assert host in SERVICE
    assert all((ROOT / "config/prometheus" / name).is_file() for name in config["rule_files"])
