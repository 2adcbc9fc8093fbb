"""An intake that stands still says so on the whole running stack, in every place where people look, and clears by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import psutil
import pytest
import redis
import yaml

from docgraph.domain.jobs import JobStatus
from docgraph.ingest import intake
from docgraph.ingest.intake import NewJob
from docgraph.ingest.launcher import INGEST_DAG
from docgraph.runtime.connections import Runtime
from docgraph_local.paths import repository
from docgraph_local.stack import Stack
from ingestion_service.service import LEASE
from ingestion_service.workers.duties import LEASE_SECONDS
from support.e2e.drops import Drops, page, wait_for
from support.e2e.sources import airflow_client
from support.unit.alerts import firing, rules_of
from support.unit.cli_service import ingestctl

FILE = repository() / "config" / "prometheus" / "alerts.yaml"
RULES = rules_of(yaml.safe_load(FILE.read_text(encoding="utf-8")), "docgraph-intake")
RULES["DocgraphGateClosed"] = rules_of(yaml.safe_load(FILE.read_text(encoding="utf-8")), "docgraph")[
    "DocgraphGateClosed"
]
#: What must be shown, counted from the failure.
SHOWN_SECONDS = 30.0
Note = Callable[[str, object], None]


def ask(drops: Drops, path: str) -> httpx.Response:
    """Ask the service about itself, as a probe does."""
    return httpx.get(drops.runtime.settings.service_url + path, trust_env=False, timeout=10)


def problems(drops: Drops) -> dict[str, dict[str, Any]]:
    """What `/ready` says of the parts that stand still."""
    checks: dict[str, dict[str, Any]] = ask(drops, "/ready").json()["intake"]["checks"]
    return {name: check for name, check in checks.items() if not check["ok"]}


def wait_for_life(drops: Drops, seconds: float = 120.0) -> None:
    """Wait until no part of the intake stands still and no alert fires."""
    deadline = time.monotonic() + seconds
    while left := problems(drops) or firing(RULES, ask(drops, "/metrics").text):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {left}"
        time.sleep(0.5)


@contextmanager
def stopped_triggerer(stack: Stack) -> Iterator[None]:
    """The triggerer hangs, and the process in which it keeps its triggers."""
    main = psutil.Process(stack.pid("airflow-triggerer"))
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@contextmanager
def stolen_lease(runtime: Runtime) -> Iterator[None]:
    """Another replica has the lease of the service and hangs in its rounds: nobody dispatches or reaps."""
    lease, given_back = runtime.state.lease(LEASE, LEASE_SECONDS), threading.Event()

    def keep() -> None:
        while not given_back.wait(LEASE_SECONDS / 5):
            assert lease.renew()

    with redis.Redis.from_url(runtime.settings.redis_url) as client:
        client.delete(f"ingest:lease:{LEASE}")
    assert lease.acquire()
    keeping = threading.Thread(target=keep)
    keeping.start()
    try:
        yield
    finally:
        given_back.set()
        keeping.join()
        lease.release()


@contextmanager
def paused_dag(drops: Drops) -> Iterator[None]:
    def pause(value: bool) -> None:
        with airflow_client(drops.runtime.settings) as airflow:
            airflow.patch(f"/api/v2/dags/{INGEST_DAG}", json={"is_paused": value}).raise_for_status()

    pause(True)
    try:
        yield
    finally:
        pause(False)


@contextmanager
def closed_gate(runtime: Runtime) -> Iterator[None]:
    runtime.state.gate.close("closed by a test")
    try:
        yield
    finally:
        runtime.state.gate.open()


def queued(drops: Drops, name: str) -> str:
    sha256 = drops.runtime.snapshots.put_stream([page(name, 1, name).encode()], limit=None).sha256
    return intake.accept(drops.runtime, [NewJob(f"upload:///{name}.md", drops.tag, sha256)])[0].job_id


@pytest.mark.timeout(600)
def test_whatever_stands_still_is_shown_within_half_a_minute_fires_its_alert_and_clears_by_itself(
    stack: Stack, drops: Drops, stack_env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, record_property: Note
) -> None:
    for name, value in stack_env.items():
        monkeypatch.setenv(name, value)
    runtime = drops.runtime
    # What another test left with a run that never was would be named in place of what this one leaves.
    wait_for(lambda: not runtime.state.jobs.find(status=JobStatus.RUNNING), "all documents of other tests have ended")
    wait_for_life(drops)
    assert ingestctl("ready", "--intake").code == 0
    expected = {
        "source:filesystem": "last looked at",
        "airflow": "triggerer was last seen",
        "dags": f"{INGEST_DAG} is paused",
        "dispatcher": "last round ended",
        "queue": "has waited",
        "documents": "has shown no progress",
        "gate": "closed by a test",
    }
    with ExitStack() as failures:
        began = time.monotonic()
        failures.enter_context(stolen_lease(runtime))
        failures.enter_context(stopped_triggerer(stack))
        failures.enter_context(paused_dag(drops))
        failures.enter_context(closed_gate(runtime))
        stuck = queued(drops, "stuck")
        queued(drops, "waiting")
        assert runtime.state.jobs.claim(f"lost-{drops.tag}", tag=drops.tag, job_ids=[stuck])
        while missing := expected.keys() - problems(drops).keys():
            assert time.monotonic() - began < SHOWN_SECONDS, f"not shown: {sorted(missing)}"
            time.sleep(0.2)
        record_property("seconds until every failure of the intake was shown", round(time.monotonic() - began, 1))
        shown = problems(drops)
        for name, reason in expected.items():
            assert reason in shown[name]["reason"], shown[name]
            assert shown[name]["advice"]
        assert stuck in shown["documents"]["reason"]
        assert firing(RULES, ask(drops, "/metrics").text).keys() == RULES.keys() - {"DocgraphIntakeUnknown"}
        assert ask(drops, "/ready").status_code == 200, "everything can still be read"
        assert ask(drops, "/ready?intake=true").status_code == 503
        for command in (["ready"], ["status", "--tag", drops.tag]):
            told = ingestctl(*command)
            assert told.code == 0
            for name in expected:
                assert name in told.out
    began = time.monotonic()
    wait_for_life(drops)
    record_property("seconds until the intake lived again", round(time.monotonic() - began, 1))
    assert firing(RULES, ask(drops, "/metrics").text) == {}
    for state in drops.ended(2):
        assert state.status is JobStatus.COMPLETED, state.error
