"""The JSON bodies that the server accepts, as types; the decoder refuses every field that is not named here.

So a feature of Qdrant that the local server lacks is answered by an error that names it, never by a result that
quietly ignored it. What single-node Qdrant accepts without effect (replication, shard counts, …) is accepted too.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

PointId: TypeAlias = Annotated[int, Meta(ge=0)] | str
DenseVector: TypeAlias = list[float]
Payload: TypeAlias = dict[str, Any]


class Body(Struct, forbid_unknown_fields=True, gc=False):
    """A JSON object of the API."""


# Filters


class Match(Body):
    """One kind of match of a payload value; exactly one field is set."""

    value: str | int | bool | None = None
    any: list[str | int] | None = None
    except_: list[str | int] | None = field(name="except", default=None)
    text: str | None = None
    text_any: str | None = None
    phrase: str | None = None
    prefix: str | None = None
    substring: str | None = None


class Range(Body):
    """Bounds of a number, or of an RFC 3339 time when they are strings."""

    lt: float | str | None = None
    gt: float | str | None = None
    lte: float | str | None = None
    gte: float | str | None = None


class ValuesCount(Body):
    """Bounds of the number of values in an array."""

    lt: int | None = None
    gt: int | None = None
    lte: int | None = None
    gte: int | None = None


class PayloadField(Body):
    """A payload key, in the conditions `is_empty` and `is_null`."""

    key: str


class Nested(Body):
    """A filter that one and the same element of an array must pass."""

    key: str
    filter: Condition


class MinShould(Body):
    """At least `min_count` of the conditions."""

    conditions: list[Condition]
    min_count: int


class Condition(Body):
    """A filter clause: a boolean combination, a condition on one payload field, or a condition on the point.

    Qdrant tells them apart by the fields that are present, hence one type with all of them.
    """

    must: list[Condition] | Condition | None = None
    should: list[Condition] | Condition | None = None
    must_not: list[Condition] | Condition | None = None
    min_should: MinShould | None = None
    key: str | None = None
    match: Match | None = None
    range: Range | None = None
    values_count: ValuesCount | None = None
    is_empty: bool | PayloadField | None = None
    is_null: bool | PayloadField | None = None
    has_id: list[PointId] | None = None
    has_vector: str | None = None
    nested: Nested | None = None


Filter: TypeAlias = Condition


# Collections


class HnswParams(Body):
    """Parameters of the HNSW graph."""

    m: int = 16
    ef_construct: int = 100
    full_scan_threshold: int = 10_000
    max_indexing_threads: int | None = None
    on_disk: bool | None = None
    payload_m: int | None = None


class VectorParams(Body):
    """Size and distance of one vector of a collection."""

    size: int
    distance: str
    on_disk: bool | None = None
    hnsw_config: HnswParams | None = None


class CreateCollection(Body):
    """`PUT /collections/{name}`; `vectors` is one `VectorParams` or a mapping of names to them."""

    vectors: dict[str, Any]
    on_disk_payload: bool | None = None
    hnsw_config: HnswParams | None = None
    metadata: Payload | None = None
    shard_number: int | None = None
    replication_factor: int | None = None
    write_consistency_factor: int | None = None
    optimizers_config: dict[str, Any] | None = None
    wal_config: dict[str, Any] | None = None


class CreateFieldIndex(Body):
    """`PUT /collections/{name}/index`."""

    field_name: str
    field_schema: str | dict[str, Any] | None = None


# Writing points


class PointStruct(Body):
    """One point; `vector` is a list, or a mapping of vector names to lists."""

    id: PointId
    vector: DenseVector | dict[str, DenseVector]
    payload: Payload | None = None


class PointsColumns(Body):
    """Points in columnar form."""

    ids: list[PointId]
    vectors: list[DenseVector] | dict[str, list[DenseVector]]
    payloads: list[Payload | None] | None = None


class Upsert(Body):
    """`PUT /collections/{name}/points`: a list or columns, and the condition under which points that exist change."""

    points: list[PointStruct] | None = None
    batch: PointsColumns | None = None
    update_filter: Filter | None = None
    update_mode: str | None = None


class Selector(Body):
    """Points by id or by filter."""

    points: list[PointId] | None = None
    filter: Filter | None = None


# Reading points


class PayloadSelector(Body):
    """Payload keys to return or to leave out."""

    include: list[str] | None = None
    exclude: list[str] | None = None


WithPayload: TypeAlias = bool | list[str] | PayloadSelector | None
WithVector: TypeAlias = bool | list[str] | None


class Retrieve(Body):
    """`POST /collections/{name}/points`."""

    ids: list[PointId]
    with_payload: WithPayload = None
    with_vector: WithVector = None


class OrderBy(Body):
    """Order by a payload field that has a range index."""

    key: str
    direction: str | None = None
    start_from: int | float | str | None = None


class Scroll(Body):
    """`POST /collections/{name}/points/scroll`."""

    offset: PointId | None = None
    limit: int | None = None
    filter: Filter | None = None
    with_payload: WithPayload = None
    with_vector: WithVector = None
    order_by: str | OrderBy | None = None


class Count(Body):
    """`POST /collections/{name}/points/count`; the answer is exact either way."""

    filter: Filter | None = None
    exact: bool | None = None


class SearchParams(Body):
    """How hard the search tries."""

    hnsw_ef: int | None = None
    exact: bool | None = None
    indexed_only: bool | None = None


class Rrf(Body):
    """Parameters of reciprocal rank fusion."""

    k: int | None = None
    weights: list[float] | None = None


class QueryVariant(Body):
    """A query that is written as an object; exactly one field is set."""

    nearest: DenseVector | PointId | UnsetType = UNSET
    fusion: str | UnsetType = UNSET
    rrf: Rrf | UnsetType = UNSET
    order_by: str | OrderBy | UnsetType = UNSET
    sample: str | UnsetType = UNSET


AnyQuery: TypeAlias = DenseVector | PointId | QueryVariant | None


class Prefetch(Body):
    """A sub-query whose results the outer query ranks again."""

    prefetch: list[Prefetch] | Prefetch | None = None
    query: AnyQuery = None
    using: str | None = None
    filter: Filter | None = None
    params: SearchParams | None = None
    score_threshold: float | None = None
    limit: int | None = None


class Query(Prefetch):
    """`POST /collections/{name}/points/query`."""

    offset: int | None = None
    with_payload: WithPayload = None
    with_vector: WithVector = None
