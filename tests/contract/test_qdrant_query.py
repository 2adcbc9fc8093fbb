"""Search, fusion and batches of queries, as every Qdrant must answer them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

#: Points 0 to 9 on a line: the higher the id, the higher the score for this query.
QUERY = [1.0, 0.0, 0.0, 0.0]


@pytest.fixture(scope="module")
def line(qdrant: QdrantClient) -> Iterator[str]:
    name = f"contract_query_{uuid.uuid4().hex}"
    qdrant.create_collection(name, vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT))
    qdrant.create_payload_index(name, "document_id", models.PayloadSchemaType.KEYWORD, wait=True)
    qdrant.create_payload_index(name, "rank", models.PayloadSchemaType.INTEGER, wait=True)
    points = [
        models.PointStruct(
            id=n, vector=[float(n), float(10 - n), 0.0, 0.0], payload={"document_id": f"d{n % 3}", "rank": n}
        )
        for n in range(10)
    ]
    qdrant.upsert(name, points, wait=True)
    yield name
    qdrant.delete_collection(name)


def test_hits_come_best_first_with_their_scores(qdrant: QdrantClient, line: str) -> None:
    hits = qdrant.query_points(line, query=QUERY, limit=3).points
    assert [(hit.id, hit.score) for hit in hits] == [(9, 9.0), (8, 8.0), (7, 7.0)]
    assert all(
        hit.payload is None and hit.vector is None
        for hit in qdrant.query_points(line, query=QUERY, with_payload=False).points
    )


def test_offset_and_limit_page_through_the_hits(qdrant: QdrantClient, line: str) -> None:
    assert [hit.id for hit in qdrant.query_points(line, query=QUERY, limit=3, offset=4).points] == [5, 4, 3]
    assert len(qdrant.query_points(line, query=QUERY).points) == 10


def test_a_threshold_cuts_off_low_scores(qdrant: QdrantClient, line: str) -> None:
    hits = qdrant.query_points(line, query=QUERY, score_threshold=6.5).points
    assert {hit.id for hit in hits} == {7, 8, 9}


def test_a_filter_restricts_the_hits_to_some_documents(qdrant: QdrantClient, line: str) -> None:
    documents = models.FieldCondition(key="document_id", match=models.MatchAny(any=["d1", "d2"]))
    hits = qdrant.query_points(line, query=QUERY, query_filter=models.Filter(must=[documents]), limit=4).points
    assert [hit.id for hit in hits] == [8, 7, 5, 4]


def test_a_point_queries_for_its_neighbours_without_itself(qdrant: QdrantClient, line: str) -> None:
    hits = qdrant.query_points(line, query=9, limit=2).points
    assert [hit.id for hit in hits] == [8, 7]
    filtered = models.Filter(must=[models.FieldCondition(key="rank", range=models.Range(lt=5))])
    assert [hit.id for hit in qdrant.query_points(line, query=9, query_filter=filtered, limit=1).points] == [4]


def test_a_query_by_an_absent_point_is_not_found(qdrant: QdrantClient, line: str) -> None:
    with pytest.raises(UnexpectedResponse, match="404"):
        qdrant.query_points(line, query=4711)


def test_payload_and_vectors_come_with_the_hits(qdrant: QdrantClient, line: str) -> None:
    hit = qdrant.query_points(line, query=QUERY, limit=1, with_payload=["rank"], with_vectors=True).points[0]
    assert hit.payload == {"rank": 9}
    assert hit.vector == [9.0, 1.0, 0.0, 0.0]


def test_reciprocal_ranks_of_two_prefetches_are_fused(qdrant: QdrantClient, line: str) -> None:
    only = [models.Filter(must=[models.HasIdCondition(has_id=[*ids])]) for ids in ([1, 5, 9], [2, 5])]
    prefetch = [
        models.Prefetch(query=QUERY, filter=only[0], limit=3),
        models.Prefetch(query=[0.0, 1.0, 0.0, 0.0], filter=only[1], limit=3),
    ]
    hits = qdrant.query_points(line, prefetch=prefetch, query=models.FusionQuery(fusion=models.Fusion.RRF)).points
    assert {hit.id for hit in hits} == {1, 2, 5, 9}
    # 5 is second in both lists, which beats being first in one: 1/(k+1) + 1/(k+1) > 1/k for every k above 1.
    assert hits[0].id == 5
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_prefetch_is_ranked_again_by_another_vector(qdrant: QdrantClient, line: str) -> None:
    prefetch = models.Prefetch(query=QUERY, limit=3)
    hits = qdrant.query_points(line, prefetch=prefetch, query=[0.0, 1.0, 0.0, 0.0], limit=2).points
    assert [hit.id for hit in hits] == [7, 8]


def test_points_are_ordered_by_a_payload_field(qdrant: QdrantClient, line: str) -> None:
    order = models.OrderByQuery(order_by=models.OrderBy(key="rank", direction=models.Direction.DESC))
    assert [hit.id for hit in qdrant.query_points(line, query=order, limit=3).points] == [9, 8, 7]


def test_cosine_scores_are_those_of_normalised_vectors(qdrant: QdrantClient, qdrant_names: list[str]) -> None:
    name = qdrant_names[0]
    qdrant.create_collection(name, vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE))
    qdrant.upsert(name, [models.PointStruct(id=1, vector=[30.0, 40.0])], wait=True)
    assert qdrant.query_points(name, query=[5.0, 0.0]).points[0].score == pytest.approx(0.6, abs=1e-6)


def test_euclid_hits_come_nearest_first(qdrant: QdrantClient, qdrant_names: list[str]) -> None:
    name = qdrant_names[0]
    qdrant.create_collection(name, vectors_config=models.VectorParams(size=2, distance=models.Distance.EUCLID))
    qdrant.upsert(name, [models.PointStruct(id=n, vector=[float(n), 0.0]) for n in range(5)], wait=True)
    hits = qdrant.query_points(name, query=[3.2, 0.0], limit=2, score_threshold=1.0).points
    assert [hit.id for hit in hits] == [3, 4]
    assert hits[0].score == pytest.approx(0.2, abs=1e-5)


def test_search_finds_the_true_neighbours(qdrant: QdrantClient, qdrant_names: list[str]) -> None:
    name = qdrant_names[0]
    rng = np.random.default_rng(11)
    vectors = rng.standard_normal((3000, 64)).astype(np.float32)
    qdrant.create_collection(name, vectors_config=models.VectorParams(size=64, distance=models.Distance.DOT))
    for start in range(0, 3000, 500):
        ids = list(range(start, start + 500))
        qdrant.upsert(name, models.Batch(ids=list(ids), vectors=vectors[ids].tolist()), wait=True)
    found = wanted = 0
    for _ in range(30):
        query = rng.standard_normal(64).astype(np.float32)
        truth = set(np.argsort(-(vectors @ query))[:10].tolist())
        found += len(truth & {hit.id for hit in qdrant.query_points(name, query=query.tolist(), limit=10).points})
        wanted += 10
    assert found / wanted >= 0.97


def test_what_was_written_is_searched_at_once(qdrant: QdrantClient, qdrant_collection: str) -> None:
    rng = random.Random(5)
    for n in range(30):
        vector = [rng.uniform(-1, 1) for _ in range(3)] + [100.0 + n]
        qdrant.upsert(qdrant_collection, [models.PointStruct(id=n, vector=vector)], wait=True)
        assert qdrant.query_points(qdrant_collection, query=[0.0, 0.0, 0.0, 1.0], limit=1).points[0].id == n
