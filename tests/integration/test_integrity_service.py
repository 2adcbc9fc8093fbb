"""`ingestctl verify` and `repair` through the sidecar on the real stores, as far as no run is needed: Airflow is unavailable here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
import redis

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime
from support.integration.service_process import TOKEN, Sidecar, free_port
from support.integration.store_service import Ingest, ingest, service

__all__ = ["ingest", "service"]


def _text(name: str) -> str:
    return f"# {name}\n\n" + "\n".join(f"## {name} part {n}\n\nThe {name} option {n} is kept.\n" for n in range(6))


@pytest.fixture
def documents(ingest: Ingest) -> list[str]:
    return [state.document_id for state in ingest(guide=_text("guide"), notes=_text("notes"))]


def run(service: Sidecar, *arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from ingestctl.main import run; run()", *arguments],
        env={**service.environment, "PATH": os.environ["PATH"], "DOCGRAPH_SERVICE_URL": url or service.url},
        capture_output=True,
        text=True,
        timeout=120,
    )


def json_of(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return dict(json.loads(ran.stdout))


def operations_in(runtime: Runtime) -> list[str]:
    with redis.Redis.from_url(runtime.settings.redis_url, decode_responses=True) as client:
        return sorted(client.keys("ingest:operation:*"))


def lose(runtime: Runtime, version: EmbeddingVersion, document: str) -> str:
    lost = runtime.graph.committed(document).generation[2]
    runtime.vectors._client.delete(version.collection, points_selector=[lost], wait=True)
    return lost


@pytest.mark.task("6.2")
def test_single_documents_are_named_by_path_address_or_id(
    service: Sidecar, runtime: Runtime, version: EmbeddingVersion, tag: str, documents: Sequence[str]
) -> None:
    lose(runtime, version, documents[0])
    for named in ("guide.md", "upload:///guide.md", documents[0]):
        assert run(service, "verify", named, "--tag", tag).returncode == 1
    assert run(service, "verify", "notes.md", "--tag", tag).returncode == 0
    (dataset,) = json_of(run(service, "verify", documents[0], "--json"))["datasets"]
    assert (dataset["tag"], dataset["scope"], dataset["findings"]["missing"]["count"]) == (tag, "documents", 1)


@pytest.mark.task("6.2")
@pytest.mark.parametrize("arguments", [["verify", "--all"], ["repair", "guide.md"]], ids=["datasets", "repair"])
def test_what_needs_a_run_ends_with_3_without_airflow_and_leaves_nothing_behind(
    service: Sidecar, runtime: Runtime, tag: str, documents: Sequence[str], arguments: list[str]
) -> None:
    before = operations_in(runtime)
    ran = run(service, *arguments)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "Airflow" in ran.stderr
    assert operations_in(runtime) == before


@pytest.mark.task("6.2")
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["verify"], 2, "Nothing is named"),
        (["verify", "--all", "--tag", "docs"], 2, "--all"),
        (["verify", "--tag", "nobody-has-this"], 4, "nobody-has-this"),
        (["repair", "--tag", "nobody-has-this"], 4, "nobody-has-this"),
        (["verify", "absent.md"], 4, "absent.md"),
    ],
    ids=["nothing", "all-and-tag", "unknown-dataset", "unknown-dataset-to-repair", "unknown-document"],
)
def test_what_is_wrong_with_the_request_has_a_code_of_its_own(
    service: Sidecar, arguments: list[str], code: int, word: str
) -> None:
    ran = run(service, *arguments)
    assert ran.returncode == code, ran.stderr
    assert word in ran.stderr


@pytest.mark.task("6.2")
def test_without_the_service_the_exit_code_is_3(service: Sidecar) -> None:
    ran = run(service, "verify", "--tag", "docs", url=f"http://127.0.0.1:{free_port()}")
    assert ran.returncode == 3


@pytest.mark.task("6.2")
@pytest.mark.parametrize("away", ["DOCGRAPH_QDRANT_URL", "DOCGRAPH_NEO4J_URI"])
def test_without_a_store_the_exit_code_is_3(
    service: Sidecar, tmp_path_factory: pytest.TempPathFactory, tag: str, documents: Sequence[str], away: str
) -> None:
    scheme = service.environment[away].partition(":")[0]
    alone = Sidecar(
        tmp_path_factory.mktemp("alone"),
        service.environment["DOCGRAPH_REDIS_URL"],
        {
            **{key: value for key, value in service.environment.items() if key.startswith("DOCGRAPH_")},
            away: f"{scheme}://127.0.0.1:{free_port()}",
        },
    )
    alone.start()
    try:
        ran = run(alone, "verify", "--tag", tag)
    finally:
        alone.stop()
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.task("6.2")
def test_a_verification_of_documents_is_answered_at_once_to_those_with_the_token(
    service: Sidecar, tag: str, documents: Sequence[str]
) -> None:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60) as http:
        body = {"tag": tag, "documents": [documents[0]]}
        assert http.post("/v1/verify", json=body).status_code == 401
        answer = http.post("/v1/verify", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    operation = answer.json()
    assert (operation["run_id"], operation["status"], operation["equal"]) == (None, "completed", True)
    assert [dataset["tag"] for dataset in operation["datasets"]] == [tag]


@pytest.mark.task("6.2")
def test_an_operation_that_nobody_started_is_not_found(service: Sidecar) -> None:
    with service.client() as http:
        for path in ("/v1/operations/nobody-asked", "/v1/operations/nobody-asked/events"):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "operation_not_found")
