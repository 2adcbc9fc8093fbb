"""Collections and payload indexes, as every Qdrant must behave."""

from __future__ import annotations

import httpx
import pytest
from qdrant_client import QdrantClient, models

PARAMS = models.VectorParams(size=4, distance=models.Distance.DOT)


def put_point(client: QdrantClient, collection: str, tag: str) -> None:
    client.upsert(collection, [models.PointStruct(id=1, vector=[1.0, 0.0, 0.0, 0.0], payload={"tag": tag})], wait=True)


def test_a_collection_exists_from_its_creation_to_its_deletion(qdrant: QdrantClient, qdrant_names: list[str]) -> None:
    name = qdrant_names[0]
    assert not qdrant.collection_exists(name)
    assert qdrant.create_collection(name, vectors_config=PARAMS)
    assert qdrant.collection_exists(name)
    assert name in [item.name for item in qdrant.get_collections().collections]
    assert qdrant.delete_collection(name)
    assert not qdrant.collection_exists(name)
    assert name not in [item.name for item in qdrant.get_collections().collections]


@pytest.mark.parametrize("distance", list(models.Distance))
def test_a_collection_tells_its_size_and_distance(
    qdrant: QdrantClient, qdrant_names: list[str], distance: models.Distance
) -> None:
    qdrant.create_collection(
        qdrant_names[0],
        vectors_config=models.VectorParams(size=7, distance=distance, on_disk=True),
        on_disk_payload=True,
        hnsw_config=models.HnswConfigDiff(m=8, ef_construct=64),
    )
    config = qdrant.get_collection(qdrant_names[0]).config
    assert isinstance(config.params.vectors, models.VectorParams)
    assert (config.params.vectors.size, config.params.vectors.distance) == (7, distance)
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct) == (8, 64)


def test_named_vectors_are_stored_and_searched_by_name(qdrant: QdrantClient, qdrant_names: list[str]) -> None:
    name = qdrant_names[0]
    other = models.VectorParams(size=2, distance=models.Distance.DOT)
    qdrant.create_collection(name, vectors_config={"text": PARAMS, "title": other})
    points = [
        models.PointStruct(id=1, vector={"text": [1.0, 0.0, 0.0, 0.0], "title": [0.0, 1.0]}),
        models.PointStruct(id=2, vector={"text": [0.0, 1.0, 0.0, 0.0], "title": [1.0, 0.0]}),
    ]
    qdrant.upsert(name, points, wait=True)
    assert qdrant.query_points(name, query=[1.0, 0.0], using="title", limit=1).points[0].id == 2
    assert qdrant.query_points(name, query=[1.0, 0.0, 0.0, 0.0], using="text", limit=1).points[0].id == 1
    assert qdrant.retrieve(name, [1], with_vectors=["title"])[0].vector == {"title": [0.0, 1.0]}


def test_deleting_a_collection_deletes_its_points(qdrant: QdrantClient, qdrant_collection: str) -> None:
    put_point(qdrant, qdrant_collection, "old")
    qdrant.delete_collection(qdrant_collection)
    qdrant.create_collection(qdrant_collection, vectors_config=PARAMS)
    assert qdrant.count(qdrant_collection).count == 0


@pytest.mark.parametrize("kind", ["keyword", "integer", "float", "bool", "datetime", "uuid", "text"])
def test_a_payload_index_of_each_kind_is_made(qdrant: QdrantClient, qdrant_collection: str, kind: str) -> None:
    schema = models.PayloadSchemaType(kind)
    result = qdrant.create_payload_index(qdrant_collection, "field", schema, wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    assert qdrant.get_collection(qdrant_collection).payload_schema["field"].data_type == schema


def test_a_payload_index_takes_parameters(qdrant: QdrantClient, qdrant_collection: str) -> None:
    keyword = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    qdrant.create_payload_index(qdrant_collection, "owner", keyword, wait=True)
    integer = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=True)
    qdrant.create_payload_index(qdrant_collection, "year", integer, wait=True)
    assert {"owner", "year"} <= set(qdrant.get_collection(qdrant_collection).payload_schema)


def test_an_index_made_after_the_points_counts_them(qdrant: QdrantClient, qdrant_collection: str) -> None:
    points = [models.PointStruct(id=n, vector=[1.0, 0.0, 0.0, 0.0], payload={"late": n}) for n in range(20)]
    qdrant.upsert(qdrant_collection, points, wait=True)
    qdrant.create_payload_index(qdrant_collection, "late", models.PayloadSchemaType.INTEGER, wait=True)
    condition = models.FieldCondition(key="late", range=models.Range(gte=15))
    assert qdrant.count(qdrant_collection, models.Filter(must=[condition])).count == 5


def test_the_server_says_who_and_how_it_is(qdrant_url: str, qdrant_api_key: str | None) -> None:
    headers = {} if qdrant_api_key is None else {"api-key": qdrant_api_key}
    with httpx.Client(base_url=qdrant_url, headers=headers) as http:
        for path in ("/healthz", "/readyz", "/livez"):
            assert http.get(path).status_code == 200
        major, minor, _ = http.get("/").json()["version"].split(".")
        assert (int(major), int(minor)) >= (1, 16)
        assert "collections_total" in http.get("/metrics").text
