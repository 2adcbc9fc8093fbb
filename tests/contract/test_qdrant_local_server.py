"""What is the local server's own: one owner, its key, what it refuses, how it stops, and its index in the background."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from qdrant_local import schema, writes
from qdrant_local.store import Store
from qdrant_local.upkeep import rebuild
from support.contract.qdrant_server import LocalServer, new_local_server

PARAMS = models.VectorParams(size=4, distance=models.Distance.DOT)


def test_a_second_process_on_the_same_folder_is_refused(local_qdrant: LocalServer) -> None:
    second = new_local_server(local_qdrant.data)
    ended = subprocess.run(second.command(), env=second.environment(), capture_output=True, text=True, timeout=20)
    assert ended.returncode == 3
    assert str(local_qdrant.data) in ended.stderr
    assert local_qdrant.process is not None
    assert str(local_qdrant.process.pid) in ended.stderr
    assert httpx.get(f"{local_qdrant.url}/readyz").status_code == 200


def test_sigterm_ends_it_quickly_and_cleanly_and_loses_nothing(local_qdrant: LocalServer) -> None:
    client = QdrantClient(url=local_qdrant.url)
    client.create_collection("kept", vectors_config=PARAMS)
    client.upsert("kept", [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0, 4.0], payload={"a": "ü"})], wait=False)
    started = time.monotonic()
    assert local_qdrant.stop() == 0
    assert time.monotonic() - started < 5
    local_qdrant.start()
    assert client.retrieve("kept", [1])[0].payload == {"a": "ü"}


def test_the_api_key_is_asked_of_everything_but_health(tmp_path: Path) -> None:
    server = new_local_server(tmp_path / "data", api_key="s3cret")
    server.start()
    try:
        with httpx.Client(base_url=server.url) as http:
            assert http.get("/readyz").status_code == 200
            assert http.get("/").status_code == 200
            for headers in ({}, {"api-key": "wrong"}, {"authorization": "Bearer wrong"}):
                for path in ("/collections", "/metrics"):
                    refused = http.get(path, headers=headers)
                    assert refused.status_code in (401, 403)
                assert "API key" in refused.text
            assert http.get("/collections", headers={"authorization": "Bearer s3cret"}).status_code == 200
        assert QdrantClient(url=server.url, api_key="s3cret").get_collections().collections == []
    finally:
        server.stop()


UNSUPPORTED: dict[str, tuple[str, str, Any, str]] = {
    "quantization": (
        "PUT",
        "/collections/new",
        {"vectors": {"size": 4, "distance": "Dot"}, "quantization_config": {"scalar": {"type": "int8"}}},
        "quantization_config",
    ),
    "sparse vectors": (
        "PUT",
        "/collections/new",
        {"vectors": {"size": 4, "distance": "Dot"}, "sparse_vectors": {"s": {}}},
        "sparse_vectors",
    ),
    "multivectors": (
        "PUT",
        "/collections/new",
        {"vectors": {"size": 4, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}}},
        "multivector_config",
    ),
    "geometry": (
        "POST",
        "/collections/c/points/count",
        {"filter": {"must": [{"key": "a", "geo_radius": {"center": {"lon": 1, "lat": 1}, "radius": 1}}]}},
        "geo_radius",
    ),
    "recommendation": (
        "POST",
        "/collections/c/points/query",
        {"query": {"recommend": {"positive": [1]}}},
        "recommend",
    ),
    "facets": ("POST", "/collections/c/facet", {"key": "a"}, "/facet"),
    "aliases": ("POST", "/collections/aliases", {"actions": []}, "/collections/aliases"),
    "batches of writes": ("POST", "/collections/c/points/batch", {"operations": []}, "/points/batch"),
    "changing a payload": ("POST", "/collections/c/points/payload", {"payload": {}, "points": [1]}, "/points/payload"),
    "snapshots": ("POST", "/collections/c/snapshots", {}, "/snapshots"),
    "two kinds of condition in one": (
        "POST",
        "/collections/c/points/count",
        {"filter": {"must": [{"has_id": [1], "must": []}]}},
        "has_id",
    ),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_it_does_not_support_is_refused_by_name(qdrant_own: str, case: str) -> None:
    method, path, body, word = UNSUPPORTED[case]
    answer = httpx.request(method, qdrant_own + path, json=body)
    assert answer.status_code == 400
    assert word in answer.json()["status"]["error"]


@pytest.fixture(scope="module")
def qdrant_own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = new_local_server(tmp_path_factory.mktemp("own"))
    server.start()
    QdrantClient(url=server.url).create_collection("c", vectors_config=PARAMS)
    yield server.url
    server.stop()


def test_a_name_can_not_leave_the_data_folder(qdrant_own: str) -> None:
    answer = httpx.put(f"{qdrant_own}/collections/a%5Cb", json={"vectors": {"size": 4, "distance": "Dot"}})
    assert answer.status_code == 400
    assert "characters" in answer.json()["status"]["error"]


def test_the_metrics_count_requests_and_points(qdrant_own: str) -> None:
    client = QdrantClient(url=qdrant_own)
    client.upsert("c", [models.PointStruct(id=n, vector=[1.0, 2.0, 3.0, 4.0]) for n in range(3)], wait=True)
    text = httpx.get(f"{qdrant_own}/metrics").text
    assert 'collection_points{id="c"} 3.0' in text
    assert 'endpoint="/collections/{name}/points",method="PUT",status="200"' in text


def test_an_index_is_rebuilt_beside_the_writers_without_losing_a_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((3_000, 1_024)).astype(np.float32)
    settings = schema.CreateCollection(vectors={"size": 1_024, "distance": "Dot"})

    def upsert(ids: list[int], fence: int) -> writes.Write:
        points = [schema.PointStruct(id=n, vector=vectors[n].tolist(), payload={"fence": fence}) for n in ids]
        older = schema.Condition(must_not=[schema.Condition(key="fence", range=schema.Range(gte=fence))])
        return writes.upsert(schema.Upsert(points=points, update_filter=older), {"": 1_024})

    async def scenario() -> int:
        store = Store.open(tmp_path)
        store.create("c", settings)
        collection = store.collection("c")
        for start in range(0, 2_800, 200):
            await collection.write(upsert(list(range(start, start + 200)), 1), durable=False)
        task = asyncio.create_task(rebuild(store, collection, store.new_folder()))
        meanwhile = 0
        while not task.done():
            fence = 2 + meanwhile
            await collection.write(upsert([meanwhile % 3_000, 2_900], fence), durable=True)
            await collection.write(writes.delete(schema.Selector(points=[2_000 + meanwhile % 500])), durable=True)
            meanwhile += 1
            await asyncio.sleep(0.01)
        await task
        assert collection.describe()["indexed_vectors_count"] >= 2_000
        store.close()
        return meanwhile

    meanwhile = asyncio.run(scenario())
    assert meanwhile > 10
    store = Store.open(tmp_path)
    collection = store.collection("c")
    kept = {int(item["id"]) for item in collection.scroll(schema.Scroll(limit=5_000))["points"]}
    deleted = {2_000 + n % 500 for n in range(meanwhile)}
    assert kept == (set(range(2_800)) | {2_900}) - deleted
    newest = collection.retrieve(schema.Retrieve(ids=[2_900, meanwhile - 1]))
    assert {item["payload"]["fence"] for item in newest} == {1 + meanwhile}
    query = rng.standard_normal(1_024).astype(np.float32)
    alive = sorted(kept)
    truth = {alive[n] for n in np.argsort(-(vectors[alive] @ query))[:10]}
    hits = collection.query(schema.Query(query=query.tolist()))["points"]
    assert len(truth & {hit["id"] for hit in hits}) >= 8
    store.close()
