"""What happens to points behind docgraph's back, for tests that must find it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import models

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime


def alter_payload(
    runtime: Runtime,
    version: EmbeddingVersion,
    section_id: str,
    payload: Mapping[str, Any],
    *,
    without: Sequence[str] = (),
) -> None:
    """Write a point again with other fields in its payload, whatever its fence; its vector stays."""
    client = runtime.vectors._client
    (point,) = client.retrieve(version.collection, ids=[section_id], with_payload=True, with_vectors=True)
    kept = {name: value for name, value in {**(point.payload or {}), **payload}.items() if name not in without}
    altered = models.PointStruct(id=section_id, vector=point.vector, payload=kept)  # type: ignore[arg-type]
    client.upsert(version.collection, points=[altered], wait=True)
