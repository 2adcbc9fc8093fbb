"""Filters: each condition alone, and nested, as every Qdrant must read them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

PAYLOADS: dict[int, dict[str, Any]] = {
    1: {"tag": "a", "n": 1, "ok": True, "when": "2024-01-01T00:00:00Z", "words": "lock free queue"},
    2: {"tag": "b", "n": 2, "ok": False, "when": "2025-01-01T00:00:00Z", "words": "queue of work"},
    3: {"tag": "c", "n": 3, "many": ["x", "y"], "empty": [], "null": None},
    4: {"tag": "a", "n": 4.5, "many": ["y"], "items": [{"kind": "p", "size": 1}, {"kind": "q", "size": 2}]},
    5: {"tag": "ü", "deep": {"er": {"n": 7}}, "items": [{"kind": "p", "size": 2}]},
    6: {},
}
EVERY = set(PAYLOADS)


def matches(key: str, value: str | int | bool) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def within(key: str, **bounds: float) -> models.FieldCondition:
    return models.FieldCondition(key=key, range=models.Range(**bounds))


def any_of(key: str, values: list[Any]) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchAny(any=values))


CASES: dict[str, tuple[models.Filter, set[int]]] = {
    "nothing asked": (models.Filter(), EVERY),
    "keyword": (models.Filter(must=[matches("tag", "a")]), {1, 4}),
    "keyword beyond ASCII": (models.Filter(must=[matches("tag", "ü")]), {5}),
    "integer": (models.Filter(must=[matches("n", 2)]), {2}),
    "true": (models.Filter(must=[matches("ok", value=True)]), {1}),
    "false": (models.Filter(must=[matches("ok", value=False)]), {2}),
    "not true": (models.Filter(must_not=[matches("ok", value=True)]), EVERY - {1}),
    "an element of an array": (models.Filter(must=[matches("many", "y")]), {3, 4}),
    "a nested key": (models.Filter(must=[matches("deep.er.n", 7)]), {5}),
    "a key in array elements": (models.Filter(must=[matches("items[].size", 2)]), {4, 5}),
    "any of": (models.Filter(must=[any_of("tag", ["b", "c", "zzz"])]), {2, 3}),
    "any of integers": (models.Filter(must=[any_of("n", [1, 3])]), {1, 3}),
    "any of none": (models.Filter(must=[any_of("tag", [])]), set()),
    "except": (
        models.Filter(must=[models.FieldCondition(key="tag", match=models.MatchExcept(**{"except": ["a", "b"]}))]),
        {3, 5},
    ),
    "text": (
        models.Filter(must=[models.FieldCondition(key="words", match=models.MatchText(text="queue lock"))]),
        {1},
    ),
    "greater": (models.Filter(must=[within("n", gt=2)]), {3, 4}),
    "between, with bounds": (models.Filter(must=[within("n", gte=2, lte=4.5)]), {2, 3, 4}),
    "less never matches what lacks the field": (models.Filter(must=[within("n", lt=100)]), {1, 2, 3, 4}),
    "not greater-or-equal includes what lacks the field": (
        models.Filter(must_not=[within("n", gte=2)]),
        {1, 5, 6},
    ),
    "time": (
        models.Filter(
            must=[models.FieldCondition(key="when", range=models.DatetimeRange(gt=datetime(2024, 6, 1, tzinfo=UTC)))]
        ),
        {2},
    ),
    "number of values": (
        models.Filter(must=[models.FieldCondition(key="many", values_count=models.ValuesCount(gte=2))]),
        {3},
    ),
    "ids": (models.Filter(must=[models.HasIdCondition(has_id=[1, 6, 99])]), {1, 6}),
    "no ids": (models.Filter(must=[models.HasIdCondition(has_id=[])]), set()),
    "empty": (
        models.Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="empty"))]),
        EVERY,
    ),
    "null": (models.Filter(must=[models.IsNullCondition(is_null=models.PayloadField(key="null"))]), {3}),
    "has a value": (
        models.Filter(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key="tag"))]),
        {1, 2, 3, 4, 5},
    ),
    "one element passes all": (
        models.Filter(
            must=[
                models.NestedCondition(
                    nested=models.Nested(
                        key="items", filter=models.Filter(must=[matches("kind", "p"), matches("size", 2)])
                    )
                )
            ]
        ),
        {5},
    ),
    "must": (models.Filter(must=[matches("tag", "a"), within("n", gt=2)]), {4}),
    "should": (models.Filter(should=[matches("tag", "b"), within("n", gt=4)]), {2, 4}),
    "must and should": (models.Filter(must=[matches("tag", "a")], should=[matches("n", 1), matches("n", 2)]), {1}),
    "at least two": (
        models.Filter(
            min_should=models.MinShould(
                conditions=[matches("tag", "a"), within("n", gt=2), models.HasIdCondition(has_id=[1, 3])], min_count=2
            )
        ),
        {1, 3, 4},
    ),
    "filters inside filters": (
        models.Filter(
            should=[
                models.Filter(must=[matches("tag", "a")], must_not=[models.Filter(should=[matches("n", 1)])]),
                models.Filter(
                    must=[models.Filter(must=[models.HasIdCondition(has_id=[2, 6])])], must_not=[matches("n", 2)]
                ),
            ]
        ),
        {4, 6},
    ),
    "one condition without a list": (models.Filter(must=matches("tag", "b")), {2}),
}


@pytest.fixture(scope="module")
def filled(qdrant: QdrantClient) -> Iterator[str]:
    name = "contract_filters_" + uuid.uuid4().hex
    qdrant.create_collection(name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    points = [models.PointStruct(id=key, vector=[1.0, 0.0], payload=payload) for key, payload in PAYLOADS.items()]
    qdrant.upsert(name, points, wait=True)
    yield name
    qdrant.delete_collection(name)


@pytest.fixture(scope="module")
def filled_and_indexed(qdrant: QdrantClient) -> Iterator[str]:
    name = "contract_filters_" + uuid.uuid4().hex
    qdrant.create_collection(name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    kinds = {"tag": "keyword", "many": "keyword", "n": "float", "ok": "bool", "when": "datetime", "words": "text"}
    for field, kind in kinds.items():
        qdrant.create_payload_index(name, field, models.PayloadSchemaType(kind), wait=True)
    points = [models.PointStruct(id=key, vector=[1.0, 0.0], payload=payload) for key, payload in PAYLOADS.items()]
    qdrant.upsert(name, points, wait=True)
    yield name
    qdrant.delete_collection(name)


# Without an index, versions of Qdrant differ in how they match text.
@pytest.mark.parametrize("case", [name for name in CASES if name != "text"])
def test_a_filter_selects_its_points(qdrant: QdrantClient, filled: str, case: str) -> None:
    condition, expected = CASES[case]
    assert {record.id for record in qdrant.scroll(filled, condition, limit=100)[0]} == expected
    assert qdrant.count(filled, condition, exact=True).count == len(expected)
    found = qdrant.query_points(filled, query=[1.0, 0.0], query_filter=condition, limit=100).points
    assert {hit.id for hit in found} == expected


# The field `n` has an index of floats, which no version asks for sets of integers.
@pytest.mark.parametrize("case", [name for name in CASES if name != "any of integers"])
def test_an_index_does_not_change_what_a_filter_selects(
    qdrant: QdrantClient, filled_and_indexed: str, case: str
) -> None:
    condition, expected = CASES[case]
    assert {record.id for record in qdrant.scroll(filled_and_indexed, condition, limit=100)[0]} == expected
    assert qdrant.count(filled_and_indexed, condition, exact=True).count == len(expected)
