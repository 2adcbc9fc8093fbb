"""Writing points and reading them back, as every Qdrant must behave."""

from __future__ import annotations

import random
import struct
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qdrant_client import QdrantClient, models

UNIT = [1.0, 0.0, 0.0, 0.0]


def new_id() -> str:
    return str(uuid.uuid4())


def point(point_id: int | str, vector: list[float] | None = None, **payload: Any) -> models.PointStruct:
    return models.PointStruct(id=point_id, vector=vector or UNIT, payload=payload)


def has(key: str, value: str | int | bool) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def not_newer_than(fence: int) -> models.Filter:
    """The condition of docgraph's conditional upsert: a point without a fence passes as well."""
    return models.Filter(must_not=[models.FieldCondition(key="fence", range=models.Range(gte=fence))])


def payloads(client: QdrantClient, collection: str, ids: list[Any]) -> dict[Any, Any]:
    return {record.id: record.payload for record in client.retrieve(collection, ids)}


def random_float32s(rng: random.Random, count: int) -> list[float]:
    return [struct.unpack("f", struct.pack("f", rng.uniform(-1, 1)))[0] for _ in range(count)]


def test_vectors_under_dot_read_back_bit_for_bit(qdrant: QdrantClient, qdrant_collection: str) -> None:
    rng = random.Random(7)
    vectors = {new_id(): random_float32s(rng, 4) for _ in range(200)}
    qdrant.upsert(qdrant_collection, [point(key, vector) for key, vector in vectors.items()], wait=True)
    records = qdrant.retrieve(qdrant_collection, list(vectors), with_vectors=True)
    assert {record.id: record.vector for record in records} == vectors


def test_payloads_read_back_as_they_were(qdrant: QdrantClient, qdrant_collection: str) -> None:
    payload = {
        "text": 'naïve – 日本語 🦀 \u202eRTL\u202c e\u0301 "quoted" \\ \n\t',
        "ключ": "значение",
        "integer": 2**53 + 1,
        "negative": -(2**63),
        "float": 0.1,
        "flag": True,
        "nothing": None,
        "list": ["a", 1, 2.5, None, []],
        "deep": {"er": {"still": [{"x": 1}]}},
    }
    qdrant.upsert(qdrant_collection, [models.PointStruct(id=1, vector=UNIT, payload=payload)], wait=True)
    assert qdrant.retrieve(qdrant_collection, [1])[0].payload == payload


def test_ids_are_numbers_or_uuids_and_absent_ones_are_left_out(qdrant: QdrantClient, qdrant_collection: str) -> None:
    key = uuid.uuid4()
    qdrant.upsert(qdrant_collection, [point(0), point(2**64 - 1), point(key.hex)], wait=True)
    records = qdrant.retrieve(qdrant_collection, [0, 2**64 - 1, str(key), 5, new_id()])
    assert {record.id for record in records} == {0, 2**64 - 1, str(key)}


def test_an_upsert_replaces_vector_and_payload(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(1, old="value")], wait=True)
    qdrant.upsert(qdrant_collection, [point(1, [0.0, 2.0, 0.0, 0.0], new="value")], wait=True)
    record = qdrant.retrieve(qdrant_collection, [1], with_vectors=True)[0]
    assert (record.payload, record.vector) == ({"new": "value"}, [0.0, 2.0, 0.0, 0.0])
    assert qdrant.count(qdrant_collection).count == 1


def test_an_upsert_takes_columns(qdrant: QdrantClient, qdrant_collection: str) -> None:
    ids = [new_id() for _ in range(3)]
    columns = models.Batch(
        ids=list(ids), vectors=[[float(n), 0, 0, 0] for n in range(3)], payloads=[{"n": n} for n in range(3)]
    )
    qdrant.upsert(qdrant_collection, columns, wait=True)
    records = qdrant.retrieve(qdrant_collection, ids, with_vectors=True)
    expected = {key: ({"n": n}, [float(n), 0.0, 0.0, 0.0]) for n, key in enumerate(ids)}
    assert {record.id: (record.payload, record.vector) for record in records} == expected


def test_a_batch_of_a_thousand_points_is_stored_whole(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(n, tag="big", fence=n) for n in range(1000)], wait=True)
    assert qdrant.count(qdrant_collection, models.Filter(must=[has("tag", "big")]), exact=True).count == 1000


def test_an_unwaited_upsert_arrives(qdrant: QdrantClient, qdrant_collection: str) -> None:
    result = qdrant.upsert(qdrant_collection, [point(1)], wait=False)
    assert result.status == models.UpdateStatus.ACKNOWLEDGED
    qdrant.upsert(qdrant_collection, [point(2)], wait=True)
    assert qdrant.count(qdrant_collection).count == 2


def test_a_conditional_upsert_keeps_what_fails_the_filter_and_inserts_what_is_absent(
    qdrant: QdrantClient, qdrant_collection: str
) -> None:
    before = [point(1, fence=5, by="older"), point(2, fence=9, by="newer"), point(3, by="without a fence")]
    qdrant.upsert(qdrant_collection, before, wait=True)
    batch = [point(n, fence=7, by="mine") for n in (1, 2, 3, 4)]
    result = qdrant.upsert(qdrant_collection, batch, update_filter=not_newer_than(7), wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    found = payloads(qdrant, qdrant_collection, [1, 2, 3, 4])
    assert {key: payload["by"] for key, payload in found.items()} == {1: "mine", 2: "newer", 3: "mine", 4: "mine"}


def test_a_conditional_upsert_of_equal_fence_changes_nothing(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(1, fence=7, by="first")], wait=True)
    columns = models.Batch(ids=[1], vectors=[UNIT], payloads=[{"fence": 7, "by": "second"}])
    result = qdrant.upsert(qdrant_collection, columns, update_filter=not_newer_than(7), wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    assert payloads(qdrant, qdrant_collection, [1])[1]["by"] == "first"


def test_the_highest_fence_wins_under_six_concurrent_writers(
    qdrant_url: str, qdrant_api_key: str | None, qdrant: QdrantClient, qdrant_collection: str
) -> None:
    ids = [new_id() for _ in range(50)]
    fences = list(range(1, 121))
    random.Random(3).shuffle(fences)

    def write(mine: list[int]) -> None:
        client = QdrantClient(url=qdrant_url, api_key=qdrant_api_key, timeout=30, check_compatibility=False)
        for fence in mine:
            batch = [point(key, [float(fence), 0, 0, 0], fence=fence) for key in ids]
            client.upsert(qdrant_collection, batch, update_filter=not_newer_than(fence), wait=True)
        client.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, [fences[n::6] for n in range(6)]))
    records = qdrant.retrieve(qdrant_collection, ids, with_vectors=True)
    assert len(records) == 50
    assert {(record.payload or {})["fence"] for record in records} == {120}
    assert {tuple(record.vector) for record in records if isinstance(record.vector, list)} == {(120.0, 0.0, 0.0, 0.0)}


def test_scroll_pages_cover_every_point_once(qdrant: QdrantClient, qdrant_collection: str) -> None:
    ids = {new_id() for _ in range(137)} | set(range(20))
    qdrant.upsert(qdrant_collection, [point(key) for key in ids], wait=True)
    seen: list[Any] = []
    offset = None
    while True:
        page, offset = qdrant.scroll(qdrant_collection, limit=10, offset=offset, with_payload=False)
        assert len(page) <= 10
        seen += [record.id for record in page]
        if offset is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == ids


def test_scroll_pages_of_a_filter_cover_its_points_once(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(n, tag="even" if n % 2 == 0 else "odd") for n in range(100)], wait=True)
    seen: list[Any] = []
    offset = None
    while True:
        page, offset = qdrant.scroll(qdrant_collection, models.Filter(must=[has("tag", "odd")]), limit=7, offset=offset)
        seen += [record.id for record in page]
        if offset is None:
            break
    assert seen == list(range(1, 100, 2))


def test_scroll_orders_by_an_indexed_field(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(n, fence=(n * 7) % 20) for n in range(20)], wait=True)
    page, _ = qdrant.scroll(
        qdrant_collection, limit=3, order_by=models.OrderBy(key="fence", direction=models.Direction.DESC)
    )
    assert [(record.payload or {})["fence"] for record in page] == [19, 18, 17]


def test_payload_and_vectors_come_as_asked(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(1, a=1, b=2, c={"d": 3, "e": 4})], wait=True)

    def read(with_payload: Any, with_vectors: bool = False) -> tuple[Any, Any]:
        record = qdrant.scroll(qdrant_collection, with_payload=with_payload, with_vectors=with_vectors)[0][0]
        return record.payload, record.vector

    assert read(True) == ({"a": 1, "b": 2, "c": {"d": 3, "e": 4}}, None)
    assert read(False, with_vectors=True) == (None, UNIT)
    assert read(["a", "c.d"]) == ({"a": 1, "c": {"d": 3}}, None)
    assert read(models.PayloadSelectorExclude(exclude=["c"])) == ({"a": 1, "b": 2}, None)


def test_points_are_deleted_by_id_and_absent_ids_do_no_harm(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(n) for n in range(5)], wait=True)
    qdrant.delete(qdrant_collection, models.PointIdsList(points=[1, 3, 99, new_id()]), wait=True)
    assert {record.id for record in qdrant.scroll(qdrant_collection)[0]} == {0, 2, 4}


def test_a_sweep_deletes_exactly_what_its_filter_says(qdrant: QdrantClient, qdrant_collection: str) -> None:
    ids = [new_id() for _ in range(40)]
    kept_by_id = ids[:10]
    batch = [point(key, document_id="D" if n % 2 == 0 else "other", fence=n) for n, key in enumerate(ids)]
    without_fence = point(new_id(), document_id="D")
    qdrant.upsert(qdrant_collection, [*batch, without_fence], wait=True)
    sweep = models.Filter(
        must=[has("document_id", "D")],
        must_not=[
            models.FieldCondition(key="fence", range=models.Range(gt=30)),
            models.HasIdCondition(has_id=list(kept_by_id)),
        ],
    )
    qdrant.delete(qdrant_collection, models.FilterSelector(filter=sweep), wait=True)
    remaining = {record.id for record in qdrant.scroll(qdrant_collection, limit=100)[0]}
    assert remaining == {key for n, key in enumerate(ids) if n % 2 == 1 or n > 30 or n < 10}


def test_counts_are_exact_through_writes_and_deletes(qdrant: QdrantClient, qdrant_collection: str) -> None:
    qdrant.upsert(qdrant_collection, [point(n, tag=str(n % 3)) for n in range(300)], wait=True)
    qdrant.upsert(qdrant_collection, [point(n, tag="0") for n in range(0, 300, 2)], wait=True)
    qdrant.delete(qdrant_collection, models.PointIdsList(points=list(range(50))), wait=True)
    alive = [n for n in range(300) if n >= 50]
    tags = {n: "0" if n % 2 == 0 else str(n % 3) for n in alive}
    assert qdrant.count(qdrant_collection, exact=True).count == len(alive)
    for tag in "012":
        expected = sum(1 for value in tags.values() if value == tag)
        assert qdrant.count(qdrant_collection, models.Filter(must=[has("tag", tag)]), exact=True).count == expected
