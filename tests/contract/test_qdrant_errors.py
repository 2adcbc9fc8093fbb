"""What a Qdrant answers to requests that can't be carried out: status code, shape, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

POINT: dict[str, Any] = {"id": 1, "vector": [1.0, 0.0, 0.0, 0.0]}


@pytest.fixture
def http(qdrant_url: str, qdrant_api_key: str | None) -> Iterator[httpx.Client]:
    headers = {} if qdrant_api_key is None else {"api-key": qdrant_api_key}
    with httpx.Client(base_url=qdrant_url, headers=headers, timeout=30) as client:
        yield client


def test_an_unknown_collection_is_not_found(http: httpx.Client, qdrant_names: list[str]) -> None:
    path = f"/collections/{qdrant_names[0]}"
    answers = [
        http.get(path),
        http.post(f"{path}/points/count", json={}),
        http.post(f"{path}/points/query", json={"query": [1.0]}),
        http.post(f"{path}/points/scroll", json={}),
        http.put(f"{path}/points", json={"points": [POINT]}),
        http.post(f"{path}/points/delete", json={"points": [1]}),
        http.put(f"{path}/index", json={"field_name": "a", "field_schema": "keyword"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 7
    for answer in answers:
        body = answer.json()
        assert qdrant_names[0] in body["status"]["error"]
        assert isinstance(body["time"], float)
        assert "result" not in body or body["result"] is None


def test_a_collection_is_not_created_twice(qdrant: QdrantClient, qdrant_collection: str) -> None:
    with pytest.raises(UnexpectedResponse) as caught:
        qdrant.create_collection(
            qdrant_collection, vectors_config=models.VectorParams(size=9, distance=models.Distance.DOT)
        )
    assert caught.value.status_code == 409
    assert qdrant_collection.encode() in caught.value.content


@pytest.mark.parametrize("vector", [[1.0], [1.0] * 5, []])
def test_a_vector_of_the_wrong_size_is_refused_and_nothing_stored(
    http: httpx.Client, qdrant: QdrantClient, qdrant_collection: str, vector: list[float]
) -> None:
    batch = {"points": [POINT, {"id": 2, "vector": vector}]}
    answer = http.put(f"/collections/{qdrant_collection}/points?wait=true", json=batch)
    assert answer.status_code in (400, 422)
    assert answer.json()["status"]["error"]
    assert qdrant.count(qdrant_collection).count == 0


def test_a_query_of_the_wrong_size_is_refused(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [models.PointStruct(**POINT)], wait=True)
    with pytest.raises(UnexpectedResponse, match="400"):
        qdrant.query_points(qdrant_collection, query=[1.0, 2.0])
    with pytest.raises(UnexpectedResponse, match="400"):
        qdrant.query_points(qdrant_collection, query=[1.0, 2.0, 3.0, 4.0], using="nobody")


BAD_BODIES: dict[str, tuple[str, str, Any]] = {
    "not JSON": ("PUT", "/points", b"{"),
    "no points": ("PUT", "/points", {}),
    "an id that is neither number nor UUID": ("PUT", "/points", {"points": [{**POINT, "id": "abc"}]}),
    "a negative id": ("PUT", "/points", {"points": [{**POINT, "id": -1}]}),
    "columns of different length": (
        "PUT",
        "/points",
        {"batch": {"ids": [1, 2], "vectors": [[1.0, 0.0, 0.0, 0.0]]}},
    ),
    "an unknown vector name": ("PUT", "/points", {"points": [{"id": 1, "vector": {"x": [1.0]}}]}),
    "a deletion of nothing in particular": ("POST", "/points/delete", {}),
    "a condition that tests nothing": ("POST", "/points/count", {"filter": {"must": [{"nonsense": 1}]}}),
    "a range of words": (
        "POST",
        "/points/count",
        {"filter": {"must": [{"key": "fence", "range": {"gt": "many"}}]}},
    ),
    "a limit of none": ("POST", "/points/query", {"query": [1.0, 0.0, 0.0, 0.0], "limit": 0}),
    "an order by a field without an index": ("POST", "/points/scroll", {"order_by": "unindexed"}),
    "an index of no known type": ("PUT", "/index", {"field_name": "a", "field_schema": "colour"}),
    "a fusion of nothing": ("POST", "/points/query", {"query": {"fusion": "rrf"}}),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bad_input_is_refused_with_a_reason(http: httpx.Client, qdrant_collection: str, case: str) -> None:
    method, path, body = BAD_BODIES[case]
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"content-type": "application/json"}
    answer = http.request(method, f"/collections/{qdrant_collection}{path}", headers=headers, **content)
    assert answer.status_code in (400, 422), answer.text
    assert len(answer.json()["status"]["error"]) > 10


def test_answers_have_the_shape_that_clients_expect(http: httpx.Client, qdrant_collection: str) -> None:
    answer = http.put(f"/collections/{qdrant_collection}/points?wait=true", json={"points": [POINT]})
    body = answer.json()
    assert body["status"] == "ok"
    assert isinstance(body["time"], float)
    assert body["result"]["status"] == "completed"
    assert isinstance(body["result"]["operation_id"], int)
    asked = {"ids": [1, 2], "with_vector": True}
    (one,) = http.post(f"/collections/{qdrant_collection}/points", json=asked).json()["result"]
    assert (one["id"], one["vector"]) == (1, POINT["vector"])
