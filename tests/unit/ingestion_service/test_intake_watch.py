"""What the service says of the intake where nobody can be asked, and what its metrics make of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from docgraph.ingest.airflow_api import AirflowApi
from docgraph.runtime.config import IngestConfig
from docgraph.state import State
from docgraph_local.paths import repository
from ingestion_service.liveness import IntakeCollector, IntakeWatch
from support.unit.alerts import firing, rules_of

FILE = yaml.safe_load((repository() / "config" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
RULES = rules_of(FILE, "docgraph-intake")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port at which connections are taken and nothing is ever answered, like a server that is stopped."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def watch(silent: int) -> IntakeWatch:
    state = State.connect(f"redis://127.0.0.1:{silent}/0")
    return IntakeWatch(state, AirflowApi(f"http://127.0.0.1:{silent}", "admin", "secret"), IngestConfig())


def test_stores_that_hang_are_said_in_time_and_asked_by_one_thread_each(watch: IntakeWatch) -> None:
    began = time.monotonic()
    for _ in range(5):
        intake = watch.intake(timeout=0.2)
    assert time.monotonic() - began < 3
    assert not intake.live
    assert {name: check.ok for name, check in intake.checks.items()} == {"airflow": False, "state": False}
    assert "no answer for" in intake.checks["state"].reason
    assert sum(thread.name.startswith("intake-") for thread in threading.enumerate()) <= 2


def test_an_intake_of_which_nothing_is_known_fires_its_alert(
    watch: IntakeWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion_service.liveness.SCRAPE_TIMEOUT", 0.2)
    registry = CollectorRegistry()
    registry.register(IntakeCollector(watch))
    fired = firing(RULES, generate_latest(registry).decode())
    assert fired.keys() == {"DocgraphIntakeUnknown", "DocgraphAirflowSilent"}


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for name, rule in RULES.items():
        assert rule["annotations"].keys() == {"summary", "action"}, name
        assert rule["labels"]["severity"] in {"page", "warn"}
    page = Path(repository() / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    every = [*RULES, *rules_of(FILE, "docgraph")]
    assert [name for name in every if f"`{name}`" not in page] == []
