"""Turn write requests of the REST API into operations of the engine; nothing is applied here.

Every check that can be made without the stored points is made here, so that a request which fails changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import qdrant_edge as edge

from qdrant_local import schema
from qdrant_local.errors import BadInputError
from qdrant_local.filters import optional_filter, to_filter

#: The engine's name of a collection's only, unnamed vector.
DEFAULT_VECTOR = ""

UPDATE_MODES = {
    None: edge.UpdateMode.Upsert,
    "upsert": edge.UpdateMode.Upsert,
    "insert_only": edge.UpdateMode.InsertOnly,
    "update_only": edge.UpdateMode.UpdateOnly,
}


@dataclass(frozen=True, slots=True)
class Write:
    """One operation."""

    operation: edge.UpdateOperation
    #: How many points it names; 0 where a filter decides.
    points: int = 0


def upsert(body: schema.Upsert, sizes: Mapping[str, int]) -> Write:
    """Insert points or replace them; with `update_filter`, points that exist and fail it stay as they are.

    Args:
        body: The points, as a list or as columns.
        sizes: Number of components of each vector of the collection.

    Raises:
        BadInputError: neither or both forms are given, columns differ in length, or a vector has the wrong size.
    """
    if (body.points is None) == (body.batch is None):
        raise BadInputError("an upsert has either `points` or `batch`")
    if body.update_mode not in UPDATE_MODES:
        raise BadInputError(f"update_mode `{body.update_mode}` is none of upsert, insert_only, update_only")
    given = body.points if body.batch is None else _rows(body.batch)
    points = []
    for point in given or ():
        _check_vector(point.vector, sizes)
        vector: edge.Vector = point.vector if isinstance(point.vector, list) else {**point.vector}
        points.append(edge.Point(point.id, vector, point.payload))
    condition = optional_filter(body.update_filter)
    operation = edge.UpdateOperation.upsert_points(points, condition, UPDATE_MODES[body.update_mode])
    return Write(operation, points=len(points))


def _rows(columns: schema.PointsColumns) -> list[schema.PointStruct]:
    count = len(columns.ids)
    payloads = [None] * count if columns.payloads is None else columns.payloads
    if isinstance(columns.vectors, list):
        lengths = {"vectors": len(columns.vectors)}
        vectors: Sequence[schema.DenseVector | dict[str, schema.DenseVector]] = columns.vectors
    else:
        lengths = {f"vectors.{name}": len(column) for name, column in columns.vectors.items()}
        vectors = [dict(zip(columns.vectors, row, strict=True)) for row in zip(*columns.vectors.values(), strict=False)]
    for name, length in {**lengths, "payloads": len(payloads)}.items():
        if length != count:
            raise BadInputError(f"the batch has {count} ids but {length} {name}")
    return [
        schema.PointStruct(id=point_id, vector=vector, payload=payload)
        for point_id, vector, payload in zip(columns.ids, vectors, payloads, strict=True)
    ]


def _check_vector(vector: schema.DenseVector | dict[str, schema.DenseVector], sizes: Mapping[str, int]) -> None:
    for name, components in {DEFAULT_VECTOR: vector}.items() if isinstance(vector, list) else vector.items():
        if name not in sizes:
            raise BadInputError(f"Not existing vector name error: {name}")
        if len(components) != sizes[name]:
            raise BadInputError(f"Vector dimension error: expected dim: {sizes[name]}, got {len(components)}")


def delete(body: schema.Selector) -> Write:
    """Delete points by id (absent ones are passed over) or by filter."""
    if (ids := _selected_ids(body)) is not None:
        return Write(edge.UpdateOperation.delete_points(ids), points=len(ids))
    return Write(edge.UpdateOperation.delete_points_by_filter(_selected_filter(body)))


def _selected_ids(body: schema.Selector) -> list[edge.PointId] | None:
    if (body.points is None) == (body.filter is None):
        raise BadInputError("select the points either by `points` (their ids) or by `filter`")
    return None if body.points is None else [*body.points]


def _selected_filter(body: schema.Selector) -> edge.Filter:
    assert body.filter is not None
    return to_filter(body.filter)
