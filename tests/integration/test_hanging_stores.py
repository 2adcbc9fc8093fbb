"""Stores that hang instead of dying (SIGSTOP): every route answers within seconds, or says within seconds which store it waits for."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime
from docgraph_local.stack import Stack
from support.integration.service_process import ROOT, TOKEN, Sidecar
from support.integration.store_service import Ingest, ingest, service

__all__ = ["ingest", "service"]

#: Seconds after which a request is told what it waits for, and what a busy machine adds.
TOLD = 5.0
BUSY = 3.0
GUIDE = "# Guide\n\n## Gate\n\nWhen a store is overloaded the gate closes and claims wait.\n\n## Retries\n\nSet the limit.\n"
QUESTION = "When does the gate close?"


@contextlib.contextmanager
def standing_still(stores: Stack, store: str) -> Iterator[None]:
    """Let the process of a store of this session's stack stand still."""
    pid = stores.kill(store, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def asked(service: Sidecar, ingest: Ingest, tag: str) -> Iterator[httpx.Client]:
    """A client of a sidecar that has met its stores, and a dataset with a document."""
    ingest(guide=GUIDE)
    with service.client() as client:
        assert client.get("/v1/search", params={"q": QUESTION, "tag": tag}).json()["evidence"]
        yield client


def timed(client: httpx.Client, method: str, path: str, **options: Any) -> tuple[float, httpx.Response]:
    started = time.monotonic()
    answer = client.request(method, path, **options)
    return time.monotonic() - started, answer


def routes(tag: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Requests of every group of routes."""
    job = str(uuid.uuid4())
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_datasets", "arguments": {}}}
    return [
        ("GET", "/health", {}),
        ("GET", "/metrics", {}),
        ("GET", f"/ready?tag={tag}", {}),
        ("GET", f"/v1/search?q={QUESTION}&tag={tag}", {}),
        ("GET", "/v1/jobs", {}),
        ("GET", f"/v1/jobs/{job}", {}),
        ("POST", f"/v1/jobs/{job}/cancel", {}),
        ("GET", f"/v1/events?job={job}", {}),
        ("GET", f"/v1/jobs/{job}/report", {}),
        ("GET", "/v1/runs/none/report", {}),
        ("GET", "/v1/reports", {}),
        ("GET", "/v1/datasets", {}),
        ("GET", "/v1/sources", {}),
        ("GET", f"/v1/datasets/{tag}/embeddings", {}),
        ("GET", f"/v1/explain?uri=upload:///guide.md&tag={tag}", {}),
        ("GET", "/v1/gate", {}),
        ("GET", "/v1/operations/none", {}),
        ("POST", "/v1/verify", {"json": {"tag": tag, "documents": ["upload:///guide.md"]}}),
        ("POST", "/mcp", {"json": call, "headers": {"Accept": "application/json, text/event-stream"}}),
    ]


@pytest.mark.parametrize("store", ["redis", "neo4j", "qdrant", "embedder"])
def test_every_route_answers_or_names_the_store_that_hangs(
    stores: Stack, asked: httpx.Client, tag: str, store: str
) -> None:
    said: dict[str, str] = {}
    with standing_still(stores, store), ThreadPoolExecutor(20) as threads:
        sent = {
            (method, path): threads.submit(timed, asked, method, path, **more) for method, path, more in routes(tag)
        }
        for (method, path), future in sent.items():
            seconds, answer = future.result()
            said[f"{method} {path}"] = f"{seconds:.1f} s: {answer.status_code} {answer.text[:300]}"
            assert seconds < TOLD + BUSY, said
            assert answer.status_code < 500 or answer.status_code == 503, said
            if path == "/metrics":
                assert f"docgraph_redis_up {float(store != 'redis')}" in answer.text
            if answer.status_code == 503:
                assert store in answer.text.lower().replace("embedding server", "embedder"), said
    # It goes on as if nothing had been.
    assert asked.get("/v1/search", params={"q": QUESTION, "tag": tag}).json().get("notes", []) == []


def test_a_search_finds_by_words_alone_where_the_embedder_hangs_and_says_so(
    stores: Stack, asked: httpx.Client, tag: str
) -> None:
    with standing_still(stores, "embedder"):
        seconds, answer = timed(asked, "GET", "/v1/search", params={"q": QUESTION, "tag": tag})
    assert seconds < TOLD + BUSY
    found = answer.raise_for_status().json()
    assert found["evidence"][0]["heading_path"][-1] == "Gate"
    assert found["counts"]["dense"] == 0
    assert "by words alone" in found["notes"][0]
    assert "embedding server" in found["notes"][0]


def test_many_searches_on_a_store_that_hangs_delay_nothing_else(stores: Stack, asked: httpx.Client, tag: str) -> None:
    with standing_still(stores, "qdrant"), ThreadPoolExecutor(60) as threads:
        searches = [
            threads.submit(timed, asked, "GET", "/v1/search", params={"q": QUESTION, "tag": tag}) for _ in range(60)
        ]
        time.sleep(0.5)
        for path in ("/health", "/metrics", "/v1/jobs", "/v1/datasets", "/ready"):
            seconds, answer = timed(asked, "GET", path)
            assert seconds < TOLD
            assert answer.status_code == (503 if path == "/ready" else 200)
        for search in searches:
            seconds, answer = search.result()
            assert seconds < 2 * TOLD
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
            assert "qdrant" in answer.text.lower()


@pytest.mark.parametrize(
    ("store", "arguments", "named"),
    [("redis", ["status"], "redis"), ("embedder", ["search", QUESTION, "--tag={tag}"], "embedding server")],
)
def test_the_command_line_says_in_seconds_what_it_waits_for(
    stores: Stack, service: Sidecar, asked: httpx.Client, tag: str, store: str, arguments: list[str], named: str
) -> None:
    environment = {
        **service.environment,
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("include", "cli")),
        "DOCGRAPH_SERVICE_URL": service.url,
        "DOCGRAPH_TOKEN": TOKEN,
    }
    command = [sys.executable, "-P", "-c", "from ingestctl.main import run; run()"]
    with standing_still(stores, store):
        started = time.monotonic()
        process = subprocess.Popen(
            [*command, *(argument.format(tag=tag) for argument in arguments)],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            first = ""
            while named not in first.lower():
                line = process.stdout.readline()
                assert line, first
                first += line
            assert time.monotonic() - started < TOLD + 2 * BUSY, first
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()


def test_a_server_whose_version_is_not_known_yet_is_not_waited_for_either(
    stores: Stack, runtime: Runtime, version: EmbeddingVersion, ingest: Ingest, tag: str
) -> None:
    from docgraph import retrieval

    ingest(guide=GUIDE)
    with standing_still(stores, "embedder"), Runtime(runtime.settings) as fresh:
        started = time.monotonic()
        answer = retrieval.search(fresh.graph, fresh.vectors, fresh.embedder, QUESTION, tag, embed_within=1.0)
        assert time.monotonic() - started < TOLD
    assert answer.evidence
    assert json.dumps(answer.notes).count("words alone") == 1
