"""`ingestctl verify` and `repair` on the whole running stack: runs of Airflow, which a restart of the sidecar does not end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.identity import document_id
from docgraph.readiness.operations import VERIFY_DAG
from docgraph.runtime.connections import Runtime
from docgraph_local.stack import Stack
from support.chaos.harness import Failpoints
from support.e2e.drops import Drops, only_datasets, page, wait_for
from support.integration.datasets import write_document

PATIENCE = 240.0
STEP = "operation.progress"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(stack_env: Mapping[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start the command line as a person does."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-c", "from ingestctl.main import run; run()", *arguments]
        environment = {**os.environ, **stack_env}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.fixture
def failpoints(stack: Stack) -> Iterator[Failpoints]:
    made = Failpoints(stack.paths.home)
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def document(drops: Drops) -> str:
    """The id of a document of the dataset."""
    drops.drop({"guide.md": page("Guide", 6, f"g{drops.tag}"), "notes.md": page("Notes", 6, f"n{drops.tag}")})
    drops.ended(2)
    return document_id(drops.tag, f"fs://ingest/watch/{drops.tag}/guide.md")


def lose(runtime: Runtime, version: EmbeddingVersion, document: str) -> str:
    lost = runtime.graph.committed(document).generation[2]
    runtime.vectors._client.delete(version.collection, points_selector=[lost], wait=True)
    return lost


def airflow(stack: Stack, runtime: Runtime) -> httpx.Client:
    settings = runtime.settings
    login = {"username": settings.airflow_user, "password": settings.airflow_password}
    token = httpx.post(f"{settings.airflow_api_url}/auth/token", json=login, trust_env=False).json()["access_token"]
    assert stack.running
    return httpx.Client(
        base_url=f"{settings.airflow_api_url}/api/v2",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=30,
    )


@pytest.mark.task("6.2")
def test_verify_repair_verify_tells_the_story_by_exit_codes(
    start: Start, drops: Drops, version: EmbeddingVersion, document: str
) -> None:
    code, out, err = ended(start("verify", "--tag", drops.tag))
    assert (code, err) == (0, "")
    assert f"✔ {drops.tag}: graph and vectors are equal" in out
    lost = lose(drops.runtime, version, document)
    code, out, _ = ended(start("verify", "--tag", drops.tag))
    assert code == 1
    assert lost in out
    assert f"ingestctl repair --tag={drops.tag}" in out
    code, out, _ = ended(start("verify", "--tag", drops.tag, "--json"))
    (found,) = json.loads(out)["datasets"]
    assert found["findings"]["missing"] == {"count": 1, "ids": [lost]}
    code, out, err = ended(start("repair", document))
    assert code == 0, out + err
    assert "1 missing  1 vector computed again" in out
    assert "ready_for_queries=true" in out
    # The younger comes first in the alphabet.
    other = f"a{drops.tag}"
    drops.runtime.graph.ensure_dataset(other, version.name)
    write_document(drops.runtime, version, other, "upload:///other.md", [("Other", "What another dataset holds.")])
    with only_datasets(drops.runtime, drops.tag, other):
        code, out, _ = ended(start("verify", "--all", "--vectors", "--json"))
    found = [(dataset["tag"], dataset["sections"], dataset["equal"]) for dataset in json.loads(out)["datasets"]]
    assert found == [(other, 1, True), (drops.tag, 12, True)]
    assert code == 0


@pytest.mark.task("6.2")
def test_a_restart_of_the_sidecar_in_the_middle_of_a_repair_ends_nothing(
    stack: Stack, start: Start, drops: Drops, version: EmbeddingVersion, document: str, failpoints: Failpoints
) -> None:
    lose(drops.runtime, version, document)
    failpoints.arm(f"{STEP}:1=pause")
    repair = start("repair", "--tag", drops.tag, "--json")
    failpoints.stopped_at(STEP)
    failpoints.disarm()
    before = stack.kill("sidecar")
    stack.await_ready("sidecar", not_pid=before)
    assert repair.poll() is None
    failpoints.release(STEP)
    code, out, err = ended(repair)
    assert code == 0, out + err
    assert "The service is back." in err
    answer = json.loads(out)
    assert answer["equal"] is True
    assert [document["restaged"] for document in answer["datasets"][0]["documents"]] == [1]


@pytest.mark.task("6.2")
def test_a_client_that_hangs_up_leaves_the_run_to_airflow_and_its_answer_to_whoever_asks(
    start: Start, drops: Drops, version: EmbeddingVersion, document: str, failpoints: Failpoints
) -> None:
    lose(drops.runtime, version, document)
    failpoints.arm(f"{STEP}:1=pause")
    repair = start("repair", "--tag", drops.tag)
    failpoints.stopped_at(STEP)
    failpoints.disarm()
    repair.send_signal(signal.SIGINT)
    code, _, err = ended(repair)
    assert code == 130
    (run_id,) = [word for word in err.replace("\n", " ").split() if word.startswith(f"repair__{drops.tag}__")]
    failpoints.release(STEP)

    def done() -> dict[str, Any] | None:
        answer: dict[str, Any] = drops.get(f"/v1/operations/{run_id}").json()
        return answer if answer["status"] == "completed" else None

    assert wait_for(done, f"{run_id} has completed")["equal"] is True


@pytest.mark.task("6.2")
def test_a_run_that_was_marked_failed_in_airflow_is_told_as_lost(
    stack: Stack, start: Start, drops: Drops, document: str, failpoints: Failpoints
) -> None:
    assert document
    failpoints.arm(f"{STEP}:1=pause")
    verify = start("verify", "--tag", drops.tag, "--json")
    failpoints.stopped_at(STEP)
    failpoints.disarm()
    with airflow(stack, drops.runtime) as client:
        runs = client.get(f"/dags/{VERIFY_DAG}/dagRuns", params={"state": "running"}).json()["dag_runs"]
        (run_id,) = [run["dag_run_id"] for run in runs if drops.tag in run["dag_run_id"]]
        client.patch(f"/dags/{VERIFY_DAG}/dagRuns/{run_id}", json={"state": "failed"}).raise_for_status()
    code, out, _ = ended(verify)
    failpoints.release(STEP)
    assert code == 1
    assert json.loads(out)["error"]["code"] == "run_lost"
