"""A request asks each store at most once whether it answers, however often it uses it; counted on the real stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from ingestion_service.app import create_app
from ingestion_service.service import Service
from support.integration.service_process import TOKEN
from support.integration.store_service import Ingest, ingest

__all__ = ["ingest"]

GUIDE = "# Guide\n\n## Gate\n\nWhen a store is overloaded the gate closes and claims wait.\n\n## Retries\n\nSet the limit.\n"
Answer = tuple[Any, Counter[str]]
Count = Callable[..., Answer]


@pytest.fixture
def count(settings: Settings, tag: str, runtime: Runtime, version: EmbeddingVersion, ingest: Ingest) -> Iterator[Count]:
    """Send one request to the application in this process; returns its answer and how often each store was probed for it."""
    ingest(guide=GUIDE)
    runtime.state.readiness.set(tag, {"ready": "true", "reasons": "", "at": "2026-01-01T00:00:00Z"})
    # Without duties nobody else probes.
    app = create_app(replace(settings, token=TOKEN), with_duties=False)
    probed: list[str] = []
    made: Service = app.state.service
    made.prober.observe(lambda store, _: probed.append(store))

    def send(method: str, path: str, **options: Any) -> Answer:
        probed.clear()
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
        answer = client.request(method, path, headers=headers, **options)
        assert answer.status_code == 200, answer.text
        return answer.json(), Counter(probed)

    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield send


def test_one_explain_probes_neo4j_once(count: Count, tag: str) -> None:
    answer, probes = count("GET", "/v1/explain", params={"uri": "upload:///guide.md", "tag": tag})
    assert answer["searchable"] is True
    assert probes == {"neo4j": 1}


def test_one_search_probes_neo4j_once(count: Count, tag: str) -> None:
    answer, probes = count("GET", "/v1/search", params={"q": "When does the gate close?", "tag": tag})
    assert answer["evidence"]
    assert probes == {"neo4j": 1}


def test_readiness_probes_each_store_once(count: Count, tag: str) -> None:
    answer, probes = count("GET", "/ready", params={"tag": tag})
    assert answer["ready"] is True
    assert set(probes.values()) == {1}


@pytest.mark.parametrize("tool", ["search", "readiness"])
def test_one_call_of_an_mcp_tool_probes_each_store_once(count: Count, tag: str, tool: str) -> None:
    arguments = {"tag": tag, **({"query": "When does the gate close?"} if tool == "search" else {})}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    answer, probes = count("POST", "/mcp", json=call)
    assert answer["result"].get("isError") is not True, answer
    assert probes["neo4j"] == 1
    assert set(probes.values()) == {1}
