"""A bucket that is followed by the whole running stack: put, changed, removed; and what it costs while nothing changes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docgraph.domain.jobs import JobStatus
from docgraph.runtime.connections import Runtime
from docgraph.settings import AwsAccess
from docgraph.sources.s3 import uri_of
from support.contract.s3_server import BUCKET, s3_client
from support.e2e.drops import Drops, page, wait_for
from support.e2e.sources import BUCKET_SOURCE, LOOK_SECONDS, airflow_client

#: For how long nothing changes.
IDLE_SECONDS = float(os.environ.get("DOCGRAPH_TEST_IDLE_SECONDS", "10"))
DAG = f"watch_{BUCKET_SOURCE}"


@pytest.fixture
def put(drops: Drops, runtime: Runtime, bucket_access: AwsAccess) -> Callable[[str, str], str]:
    """Put an object into the folder of the test's dataset; returns its address."""
    client = s3_client(bucket_access)
    if not client.list_objects_v2(Bucket=BUCKET).get("Contents"):
        # A stack that was left running followed the bucket of an earlier session.
        runtime.state.cursors.forget(BUCKET_SOURCE)
        runtime.state.withheld.end(BUCKET_SOURCE)

    def putting(name: str, text: str) -> str:
        client.put_object(Bucket=BUCKET, Key=f"{drops.tag}/{name}", Body=text.encode())
        return uri_of(BUCKET, f"{drops.tag}/{name}")

    return putting


def task_instances(runtime: Runtime) -> list[tuple[str, str, str]]:
    """What Airflow has started for the source; a database that is locked for a moment is asked again."""

    def asked() -> list[dict[str, Any]] | None:
        with airflow_client(runtime.settings) as airflow:
            answer = airflow.get(f"/api/v2/dags/{DAG}/dagRuns/~/taskInstances", params={"limit": 500})
            return list(answer.json()["task_instances"]) if answer.is_success else None

    found = wait_for(asked, f"the task instances of {DAG}")
    return sorted((each["id"], each["task_id"], each["state"]) for each in found)


def is_waiting(runtime: Runtime) -> bool:
    return [state for _, task, state in task_instances(runtime) if task == "wait_for_changes"].count("deferred") == 1


def listings(log: Path) -> int:
    """How often the bucket was listed so far."""
    return sum(f"/{BUCKET}?list-type=2" in line for line in log.read_text(errors="replace").splitlines())


@pytest.mark.task("6.1")
@pytest.mark.timeout(900)
def test_an_object_is_found_once_it_is_put_and_no_longer_once_it_has_gone(
    drops: Drops,
    runtime: Runtime,
    bucket_access: AwsAccess,
    put: Callable[[str, str], str],
    stack_home: tuple[Path, int, bool],
) -> None:
    wait_for(lambda: is_waiting(runtime) or None, f"{DAG} waits in the triggerer")
    kept, gone = put("kept #1 & co.md", page("Valves", 3, "valves")), put("gone+é.md", page("Pumps", 3, "pumps"))
    put("notes.bin", "no document")
    began = time.monotonic()
    assert {(state.job.source_uri, state.outcome) for state in drops.ended(2, 240)} == {
        (kept, "created"),
        (gone, "created"),
    }
    best, *_ = drops.evidence("Which setting limits the connections in Topic 2 of Pumps?")
    found = time.monotonic() - began
    assert best["source_uri"] == gone

    put("kept #1 & co.md", page("Valves", 4, "valves"))
    s3_client(bucket_access).delete_object(Bucket=BUCKET, Key=f"{drops.tag}/gone+é.md")
    states = drops.ended(4, 240)
    assert all(state.status is JobStatus.COMPLETED for state in states)
    assert sorted(state.outcome for state in states) == ["created", "created", "deleted", "updated"]
    evidence = drops.evidence("Which setting limits the connections in Topic 2 of Pumps?")
    assert {hit["source_uri"] for hit in evidence} == {kept}
    assert len(drops.ids_in_graph()) == 4

    wait_for(lambda: is_waiting(runtime) or None, f"{DAG} waits in the triggerer")
    log = stack_home[0] / "s3.log"
    before, asked = task_instances(runtime), listings(log)
    time.sleep(IDLE_SECONDS)
    after, asked = task_instances(runtime), listings(log) - asked
    assert after == before, "no task instance is started while nothing changes"
    assert IDLE_SECONDS / LOOK_SECONDS / 3 <= asked <= IDLE_SECONDS / LOOK_SECONDS + 2
    print(
        f"\nput to found: {found:.1f} s; idle for {IDLE_SECONDS:.0f} s: {asked} requests, {len(after) - len(before)} task instances"
    )
