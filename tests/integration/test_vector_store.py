"""The vector store's collections on the real local server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from qdrant_client import QdrantClient, models

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime

INDEXED = {"tag", "document_id", "fence"}


@pytest.fixture
def client(runtime: Runtime) -> QdrantClient:
    """The store's own client, to do half of what it does."""
    return runtime.vectors._client


@pytest.fixture
def another(runtime: Runtime) -> Iterator[EmbeddingVersion]:
    """An embedding version without a collection."""
    made = replace(runtime.embedding_version, name=f"half-{uuid.uuid4().hex[:8]}")
    yield made
    runtime.vectors.drop(made)


@pytest.mark.parametrize("left", [set(), {"tag"}, INDEXED], ids=["collection only", "one index", "all of it"])
def test_what_a_crash_left_of_a_collection_is_completed(
    runtime: Runtime, client: QdrantClient, another: EmbeddingVersion, left: set[str]
) -> None:
    name, schema = another.collection, models.PayloadSchemaType
    client.create_collection(name, models.VectorParams(size=another.dimensions, distance=models.Distance.DOT))
    for field in left:
        kind = schema.INTEGER if field == "fence" else schema.KEYWORD
        client.create_payload_index(name, field, field_schema=kind, wait=True)
    for _ in range(2):
        runtime.vectors.ensure(another)
        assert set(client.get_collection(name).payload_schema) == INDEXED


def test_a_new_version_gets_its_collection_with_every_index(
    runtime: Runtime, client: QdrantClient, another: EmbeddingVersion
) -> None:
    runtime.vectors.ensure(another)
    assert set(client.get_collection(another.collection).payload_schema) == INDEXED
