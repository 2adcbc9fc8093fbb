"""`ingestctl verify` and `repair` as processes, through the sidecar, on the real stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

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


def lose(runtime: Runtime, version: EmbeddingVersion, document: str) -> str:
    lost = runtime.graph.committed(document).generation[2]
    runtime.vectors._client.delete(version.collection, points_selector=[lost], wait=True)
    return lost


@pytest.mark.task("6.2")
def test_verify_repair_verify_tells_the_story_by_exit_codes(
    service: Sidecar, runtime: Runtime, version: EmbeddingVersion, tag: str, documents: Sequence[str]
) -> None:
    sound = run(service, "verify", "--tag", tag)
    assert (sound.returncode, sound.stderr) == (0, "")
    assert f"✔ {tag}: graph and vectors are equal" in sound.stdout
    lost = lose(runtime, version, documents[0])
    differing = run(service, "verify", "--tag", tag)
    assert differing.returncode == 1
    assert lost in differing.stdout
    assert f"ingestctl repair --tag={tag}" in differing.stdout
    (found,) = json_of(run(service, "verify", "--tag", tag, "--json"))["datasets"]
    assert found["findings"]["missing"] == {"count": 1, "ids": [lost]}
    mended = run(service, "repair", "--tag", tag)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "1 missing  1 vector computed again" in mended.stdout
    assert "ready_for_queries=true" in mended.stdout
    assert run(service, "verify", "--tag", tag, "--vectors").returncode == 0


@pytest.mark.task("6.2")
def test_single_documents_are_named_by_path_address_or_id(
    service: Sidecar, runtime: Runtime, version: EmbeddingVersion, tag: str, documents: Sequence[str]
) -> None:
    lose(runtime, version, documents[0])
    for named in ("guide.md", "upload:///guide.md", documents[0]):
        assert run(service, "verify", named, "--tag", tag).returncode == 1
    assert run(service, "verify", "notes.md", "--tag", tag).returncode == 0
    done = run(service, "repair", documents[0], "--json")
    assert done.returncode == 0, done.stdout
    (dataset,) = json_of(done)["datasets"]
    assert (dataset["tag"], [each["restaged"] for each in dataset["documents"]]) == (tag, [1])


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
    ids=["nothing", "all-and-tag", "unknown-dataset", "unknown-dataset-to-mend", "unknown-document"],
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
def test_the_operation_is_a_stream_of_lines_for_those_with_the_token(
    service: Sidecar, tag: str, documents: Sequence[str]
) -> None:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60) as http:
        assert http.post("/v1/verify", json={"tag": tag}).status_code == 401
        answer = http.post("/v1/repair", json={"tag": tag}, headers={"Authorization": f"Bearer {TOKEN}"})
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert {event["event"] for event in events} == {"progress", "dataset", "end"}
    assert events[-1] == {"event": "end", "equal": True}


@pytest.mark.task("6.2")
def test_all_datasets_are_compared_one_after_the_other(
    service: Sidecar, tag: str, documents: Sequence[str], runtime: Runtime
) -> None:
    runtime.graph.ensure_dataset(f"e{uuid.uuid4().hex[:8]}", runtime.embedding_version.name)
    ran = run(service, "verify", "--all", "--json")
    tags = [found["tag"] for found in json_of(ran)["datasets"]]
    assert tag in tags
    assert tags == sorted(tags)
