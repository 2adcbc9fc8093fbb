"""Kill the local server at any moment: what it acknowledged is there afterwards. Always a process of our own."""

from __future__ import annotations

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from support.contract.qdrant_server import LocalServer

NAME = "crash"
WRITERS = 6


def connect(server: LocalServer) -> QdrantClient:
    return QdrantClient(url=server.url, timeout=30, check_compatibility=False)


def create(server: LocalServer) -> None:
    client = connect(server)
    client.create_collection(NAME, vectors_config=models.VectorParams(size=16, distance=models.Distance.DOT))
    for field, kind in (("document_id", "keyword"), ("fence", "integer")):
        client.create_payload_index(NAME, field, models.PayloadSchemaType(kind), wait=True)
    client.close()


def write_fences(server: LocalServer, ids: list[str], fences: list[int], acknowledged: set[int]) -> None:
    """Stage every id once per fence, as docgraph does; stop at the first request that gets no answer."""
    client = connect(server)
    for fence in fences:
        points = [models.PointStruct(id=key, vector=[float(fence)] * 16, payload={"fence": fence}) for key in ids]
        condition = models.Filter(must_not=[models.FieldCondition(key="fence", range=models.Range(gte=fence))])
        try:
            client.upsert(NAME, points, update_filter=condition, wait=True)
        except (ResponseHandlingException, UnexpectedResponse):
            break
        acknowledged.add(fence)
    client.close()


def stored_fences(server: LocalServer, ids: list[str]) -> dict[str, int]:
    client = connect(server)
    records = client.retrieve(NAME, ids, with_vectors=True)
    client.close()
    for record in records:
        assert record.vector == [float((record.payload or {})["fence"])] * 16
    return {str(record.id): (record.payload or {})["fence"] for record in records}


@pytest.mark.parametrize("seed", range(3))
def test_the_highest_acknowledged_fence_survives_a_kill_under_six_writers(local_qdrant: LocalServer, seed: int) -> None:
    create(local_qdrant)
    rng = random.Random(seed)
    ids = [str(uuid.uuid4()) for _ in range(50)]
    fences = list(range(1, 301))
    rng.shuffle(fences)
    acknowledged: set[int] = set()
    with ThreadPoolExecutor(WRITERS) as pool:
        for n in range(WRITERS):
            pool.submit(write_fences, local_qdrant, ids, fences[n::WRITERS], acknowledged)
        while len(acknowledged) < 100 + rng.randrange(60):
            time.sleep(0.002)
        local_qdrant.kill()
    highest = max(acknowledged)
    assert 100 <= len(acknowledged) < 300
    local_qdrant.start()
    after = stored_fences(local_qdrant, ids)
    assert set(after) == set(ids)
    # One batch, one operation: whatever was in flight is there for all of its points or for none.
    assert len(set(after.values())) == 1
    assert min(after.values()) >= highest

    with ThreadPoolExecutor(WRITERS) as pool:
        for n in range(WRITERS):
            pool.submit(write_fences, local_qdrant, ids, fences[n::WRITERS], acknowledged)
    assert acknowledged == set(range(1, 301))
    assert set(stored_fences(local_qdrant, ids).values()) == {300}


def test_every_acknowledged_point_and_deletion_survives_repeated_kills(local_qdrant: LocalServer) -> None:
    create(local_qdrant)
    expected: set[str] = set()
    uncertain: set[str] = set()
    for round_ in range(4):
        client = connect(local_qdrant)
        killer = threading.Timer(0.15 + 0.1 * round_, local_qdrant.kill)
        killer.start()
        try:
            while True:
                ids = [str(uuid.uuid4()) for _ in range(20)]
                uncertain = set(ids)
                points = [models.PointStruct(id=key, vector=[0.5] * 16, payload={"fence": round_}) for key in ids]
                client.upsert(NAME, points, wait=True)
                expected |= uncertain
                gone = set(ids[:5])
                uncertain, expected = gone, expected - gone
                client.delete(NAME, models.PointIdsList(points=list(gone)), wait=True)
                uncertain = set()
        except (ResponseHandlingException, UnexpectedResponse):
            killer.join()
        client.close()
        local_qdrant.start()
        client = connect(local_qdrant)
        present = {str(record.id) for record in client.scroll(NAME, limit=100_000, with_payload=False)[0]}
        client.close()
        assert present - uncertain == expected
        expected = present
    assert len(expected) > 50


def test_collections_and_indexes_survive_a_kill(local_qdrant: LocalServer) -> None:
    create(local_qdrant)
    client = connect(local_qdrant)
    client.create_collection("doomed", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    client.delete_collection("doomed")
    client.close()
    local_qdrant.kill()
    local_qdrant.start()
    client = connect(local_qdrant)
    assert [item.name for item in client.get_collections().collections] == [NAME]
    assert client.count(NAME).count == 0
    assert {"document_id", "fence"} <= set(client.get_collection(NAME).payload_schema)
    client.close()
    assert len(list((local_qdrant.data / "collections").iterdir())) == 1
