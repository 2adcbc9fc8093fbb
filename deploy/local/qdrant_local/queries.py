"""Turn queries of the REST API into queries of the engine, and its points into JSON.

Supported are nearest by vector or by the id of a point, fusion (RRF, DBSF) of prefetches, order by a payload field,
and random samples; recommendation, discovery and formulas are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import qdrant_edge as edge
from msgspec import UNSET

from qdrant_local import schema
from qdrant_local.errors import BadInputError, UnsupportedError
from qdrant_local.filters import optional_filter

DEFAULT_LIMIT = 10
#: The constant of reciprocal rank fusion that Qdrant uses when the query names none.
DEFAULT_RRF_K = 2

#: Finds the vector of a point: (point id, vector name or None) → its components.
VectorLookup = Callable[[schema.PointId, str | None], list[float]]


def to_query(body: schema.Query, lookup: VectorLookup) -> edge.QueryRequest:
    """Translate a query; a query by point id leaves that point out of its own result, as Qdrant does.

    Raises:
        BadInputError: the query contradicts itself or asks for a feature that is missing.
        NotFoundError: the point whose vector it names does not exist.
    """
    prefetches = _prefetches(body.prefetch, lookup)
    scoring = _scoring(body, lookup)
    if prefetches and scoring is None:
        raise BadInputError("a query is needed to rank the prefetched points, such as fusion rrf")
    if isinstance(scoring, (edge.Fusion.Rrf, edge.Fusion.Dbsf)) and not prefetches:
        raise BadInputError("fusion needs at least one prefetch to fuse")
    return edge.QueryRequest(
        limit=_limit(body.limit),
        offset=body.offset or 0,
        query=scoring,
        prefetches=prefetches,
        with_vector=with_vector(body.with_vector),
        with_payload=with_payload(body.with_payload, default=False),
        filter=_query_filter(body),
        score_threshold=body.score_threshold,
        params=_params(body.params),
    )


def _prefetches(body: list[schema.Prefetch] | schema.Prefetch | None, lookup: VectorLookup) -> list[edge.Prefetch]:
    if body is None:
        return []
    return [
        edge.Prefetch(
            limit=_limit(item.limit),
            query=_scoring(item, lookup),
            prefetches=_prefetches(item.prefetch, lookup),
            params=_params(item.params),
            filter=_query_filter(item),
            score_threshold=item.score_threshold,
        )
        for item in (body if isinstance(body, list) else [body])
    ]


def _scoring(body: schema.Prefetch, lookup: VectorLookup) -> Any:
    # What it returns is edge.ScoringQueryType, but the engine's type stubs leave the kinds of fusion out of that.
    query = body.query
    if query is None:
        return None
    if not isinstance(query, schema.QueryVariant):
        return _nearest(query, body.using, lookup)
    given = [name for name in query.__struct_fields__ if getattr(query, name) is not UNSET]
    if len(given) != 1:
        raise BadInputError(f"a query has exactly one of {', '.join(query.__struct_fields__)}; got {given or 'none'}")
    if query.nearest is not UNSET:
        return _nearest(query.nearest, body.using, lookup)
    if query.order_by is not UNSET:
        return to_order(query.order_by)
    if query.rrf is not UNSET:
        return edge.Fusion.Rrf(query.rrf.k or DEFAULT_RRF_K, query.rrf.weights)
    if query.fusion is not UNSET:
        if query.fusion == "rrf":
            return edge.Fusion.Rrf(DEFAULT_RRF_K)
        if query.fusion == "dbsf":
            return edge.Fusion.Dbsf()
        raise UnsupportedError(f"fusion `{query.fusion}`")
    if query.sample == "random":
        return edge.Sample.Random
    raise UnsupportedError(f"sample `{query.sample}`")


def _nearest(query: schema.DenseVector | schema.PointId, using: str | None, lookup: VectorLookup) -> edge.Query:
    vector = query if isinstance(query, list) else lookup(query, using)
    return edge.Query.Nearest(vector, using)


def _query_filter(body: schema.Prefetch) -> edge.Filter | None:
    given = optional_filter(body.filter)
    target = body.query.nearest if isinstance(body.query, schema.QueryVariant) else body.query
    if not isinstance(target, (int, str)):
        return given
    return edge.Filter(must=None if given is None else [given], must_not=[edge.HasIdCondition({target})])


def _params(body: schema.SearchParams | None) -> edge.SearchParams | None:
    if body is None:
        return None
    return edge.SearchParams(hnsw_ef=body.hnsw_ef, exact=bool(body.exact), indexed_only=bool(body.indexed_only))


def _limit(limit: int | None) -> int:
    if limit is None:
        return DEFAULT_LIMIT
    if limit < 1:
        raise BadInputError(f"limit: must be 1 or more, got {limit}")
    return limit


def to_scroll(body: schema.Scroll) -> edge.ScrollRequest:
    """Translate a scroll; payload is returned unless it is declined.

    Raises:
        BadInputError: the limit is below 1, or an offset is combined with an order (as in Qdrant: page by value there).
    """
    if body.order_by is not None and body.offset is not None:
        raise BadInputError("offset can't be combined with order_by; page with order_by.start_from")
    return edge.ScrollRequest(
        offset=body.offset,
        limit=_limit(body.limit),
        filter=optional_filter(body.filter),
        with_payload=with_payload(body.with_payload, default=True),
        with_vector=with_vector(body.with_vector),
        order_by=None if body.order_by is None else to_order(body.order_by),
    )


def to_order(body: str | schema.OrderBy) -> edge.OrderBy:
    """Translate an order; ascending unless it says otherwise."""
    if isinstance(body, str):
        return edge.OrderBy(body)
    if body.direction not in (None, "asc", "desc"):
        raise BadInputError(f"direction must be `asc` or `desc`, got `{body.direction}`")
    direction = edge.Direction.Desc if body.direction == "desc" else edge.Direction.Asc
    return edge.OrderBy(body.key, direction, body.start_from)


def with_payload(body: schema.WithPayload, *, default: bool) -> edge.WithPayloadType:
    """Translate which payload keys to return; None means `default`."""
    if body is None:
        return default
    if not isinstance(body, schema.PayloadSelector):
        return body
    if body.include is not None and body.exclude is not None:
        raise BadInputError("with_payload takes `include` or `exclude`, not both")
    if body.exclude is not None:
        return edge.PayloadSelector.Exclude(body.exclude)
    return edge.PayloadSelector.Include(body.include or [])


def with_vector(body: schema.WithVector) -> edge.WithVectorType:
    """Translate which vectors to return; None means no vector."""
    return False if body is None else body


def record_json(point: edge.Record | edge.ScoredPoint) -> dict[str, Any]:
    """Give a stored point its JSON form; payload and vector are there when they were asked for."""
    out: dict[str, Any] = {"id": id_json(point.id)}
    if point.payload is not None:
        out["payload"] = point.payload
    if point.vector is not None:
        out["vector"] = point.vector
    if point.order_value is not None:
        out["order_value"] = point.order_value
    return out


def scored_json(point: edge.ScoredPoint) -> dict[str, Any]:
    """Give a search hit its JSON form."""
    return {**record_json(point), "version": point.version, "score": point.score}


def id_json(point_id: edge.PointId | None) -> schema.PointId | None:
    """Give a point id its JSON form: a number, or a hyphenated lower-case UUID."""
    return str(point_id) if isinstance(point_id, UUID) else point_id
