"""One collection over one shard of the engine: apply writes in order, answer reads, describe itself.

Every call into the engine holds the interpreter lock, so threads would gain nothing: they are made on the event
loop, one after the other. That makes each operation, a conditional upsert included, atomic for all others.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import qdrant_edge as edge

from qdrant_local import indexes, metrics, queries, schema
from qdrant_local.errors import BadInputError, NotFoundError, UnsupportedError
from qdrant_local.wal import WriteAheadLog
from qdrant_local.writes import DEFAULT_VECTOR, Write

DISTANCES = {
    "Cosine": edge.Distance.Cosine,
    "Dot": edge.Distance.Dot,
    "Euclid": edge.Distance.Euclid,
    "Manhattan": edge.Distance.Manhattan,
}


def vector_params(settings: schema.CreateCollection) -> dict[str, schema.VectorParams]:
    """Return size and distance of each vector by name; the unnamed one is called by the empty string.

    Raises:
        BadInputError: the declaration is incomplete, or asks for more than dense float vectors.
    """
    single = "size" in settings.vectors or "distance" in settings.vectors
    declared = {DEFAULT_VECTOR: settings.vectors} if single else settings.vectors
    try:
        params = msgspec.convert(declared, dict[str, schema.VectorParams])
    except msgspec.ValidationError as error:
        if "unknown field" in str(error):
            raise UnsupportedError(f"vectors: {error}") from error
        raise BadInputError(f"vectors: {error}") from error
    if not params:
        raise UnsupportedError("a collection without a dense vector")
    for name, vector in params.items():
        if vector.distance not in DISTANCES:
            raise BadInputError(f"distance of vector `{name}` must be one of {', '.join(DISTANCES)}")
        if not 1 <= vector.size <= 65_536:
            raise BadInputError(f"size of vector `{name}` must be between 1 and 65536, got {vector.size}")
    return params


def create_shard(folder: Path, settings: schema.CreateCollection) -> edge.EdgeShard:
    """Create an empty shard in `folder`.

    Raises:
        BadInputError: the settings can't be used.
    """
    params = vector_params(settings)
    folder.mkdir(parents=True)
    config = edge.EdgeConfig(
        vectors={
            name: edge.EdgeVectorParams(
                size=vector.size,
                distance=DISTANCES[vector.distance],
                on_disk=vector.on_disk,
                hnsw_config=None if vector.hnsw_config is None else _hnsw(vector.hnsw_config),
            )
            for name, vector in params.items()
        },
        on_disk_payload=settings.on_disk_payload,
        hnsw_config=_hnsw(settings.hnsw_config or schema.HnswParams()),
    )
    return edge.EdgeShard.create(str(folder), config)


def _hnsw(params: schema.HnswParams) -> edge.HnswIndexConfig:
    return edge.HnswIndexConfig(
        m=params.m,
        ef_construct=params.ef_construct,
        full_scan_threshold=params.full_scan_threshold,
        # One thread by default: the index is built beside a server that has to go on answering.
        max_indexing_threads=params.max_indexing_threads or 1,
        on_disk=params.on_disk,
        payload_m=params.payload_m,
    )


class Collection:
    """A shard, its log, and what has happened to it since it was opened."""

    def __init__(self, folder: Path, settings: schema.CreateCollection, shard: edge.EdgeShard) -> None:
        self.folder = folder
        self.settings = settings
        self.sizes = {name: vector.size for name, vector in vector_params(settings).items()}
        self.log = WriteAheadLog(folder)
        #: Held by what needs the shard to stand still; writers take it for each request.
        self.writing = asyncio.Lock()
        self.rebuilding = False
        self.removed = False
        #: Since the last flush: when the first and the last write came (monotonic seconds), None when there was none.
        self.dirty_since: float | None = None
        self.last_write = time.monotonic()
        info = shard.info()
        #: Points written since the vector index was last built.
        self.unindexed_changes: int = info.points_count - min(info.indexed_vectors_count, info.points_count)
        self._shard = shard
        self._operation_ids = itertools.count()
        self._journal: list[edge.UpdateOperation] | None = None
        self._changes_before_journal = 0

    # Writing

    async def write(self, write: Write, *, durable: bool) -> dict[str, Any]:
        """Apply an operation; return its id and status.

        Args:
            write: A checked operation.
            durable: Return only when it is on the disk (`wait=true`).

        Raises:
            NotFoundError: the collection was deleted meanwhile.
        """
        async with self.writing:
            if self.removed:
                raise NotFoundError("the collection was deleted while this request waited")
            self._apply(write.operation, write.points)
            operation_id = next(self._operation_ids)
        if durable:
            await self.log.durable()
        return {"operation_id": operation_id, "status": "completed" if durable else "acknowledged"}

    def _apply(self, operation: edge.UpdateOperation, points: int) -> None:
        try:
            self._shard.update(operation)
        finally:
            # The engine logs an operation before it applies it: one that failed is in the log as well.
            self.log.written()
            if self._journal is not None:
                self._journal.append(operation)
            self.last_write = time.monotonic()
            self.dirty_since = self.dirty_since or self.last_write
            self.unindexed_changes += points

    # Reading

    def retrieve(self, body: schema.Retrieve) -> list[dict[str, Any]]:
        """Return the points with these ids; absent ones are left out."""
        points = self._shard.retrieve(
            [*body.ids], queries.with_payload(body.with_payload, default=True), queries.with_vector(body.with_vector)
        )
        return [queries.record_json(point) for point in points]

    def scroll(self, body: schema.Scroll) -> dict[str, Any]:
        """Return one page in the order of ids (or of a payload field) and where the next one starts."""
        points, following = self._shard.scroll(queries.to_scroll(body))
        return {
            "points": [queries.record_json(point) for point in points],
            "next_page_offset": queries.id_json(following),
        }

    def count(self, filter_: edge.Filter | None) -> int:
        """Count the points that pass the filter, exactly."""
        return int(self._shard.count(edge.CountRequest(filter=filter_, exact=True)))

    def query(self, body: schema.Query) -> dict[str, Any]:
        """Answer a query, its hits best first."""
        self._check_query(body)
        request = queries.to_query(body, self._vector_of)
        (points,) = self._shard.query_batch(edge.QueryBatchRequest([request]))
        return {"points": [queries.scored_json(point) for point in points]}

    def _check_query(self, body: schema.Prefetch) -> None:
        name = body.using or DEFAULT_VECTOR
        target = body.query.nearest if isinstance(body.query, schema.QueryVariant) else body.query
        if isinstance(target, (list, int, str)):
            if name not in self.sizes:
                raise BadInputError(f"Not existing vector name error: {name}")
            if isinstance(target, list) and len(target) != self.sizes[name]:
                raise BadInputError(f"Vector dimension error: expected dim: {self.sizes[name]}, got {len(target)}")
        inner = body.prefetch or []
        for prefetch in inner if isinstance(inner, list) else [inner]:
            self._check_query(prefetch)

    def _vector_of(self, point_id: schema.PointId, using: str | None) -> list[float]:
        points = self._shard.retrieve([point_id], False, True)
        if not points:
            raise NotFoundError(f"No point with id {point_id} found")
        vector: Any = points[0].vector
        named: dict[str, list[float]] = {DEFAULT_VECTOR: vector} if isinstance(vector, list) else vector
        name = using or DEFAULT_VECTOR
        if name not in named:
            raise BadInputError(f"the point {point_id} has no vector `{name}` to query by")
        return named[name]

    def describe(self) -> dict[str, Any]:
        """Return what `GET /collections/{name}` tells."""
        info = self._shard.info()
        hnsw = self.settings.hnsw_config or schema.HnswParams()
        return {
            "status": "yellow" if self.rebuilding else "green",
            "optimizer_status": "ok",
            "points_count": info.points_count,
            "indexed_vectors_count": info.indexed_vectors_count,
            "segments_count": info.segments_count,
            "config": {
                "params": {
                    "vectors": self.settings.vectors,
                    "shard_number": 1,
                    "replication_factor": 1,
                    "write_consistency_factor": 1,
                    "on_disk_payload": self.settings.on_disk_payload is not False,
                },
                "hnsw_config": {
                    "m": hnsw.m,
                    "ef_construct": hnsw.ef_construct,
                    "full_scan_threshold": hnsw.full_scan_threshold,
                    "max_indexing_threads": hnsw.max_indexing_threads or 1,
                    "on_disk": bool(hnsw.on_disk),
                },
                "optimizer_config": {"default_segment_number": 0, "flush_interval_sec": 1},
                "metadata": self.settings.metadata,
            },
            "payload_schema": {name: indexes.describe(index) for name, index in info.payload_schema.items()},
        }

    @property
    def points(self) -> int:
        """Number of points."""
        return int(self._shard.info().points_count)

    # Upkeep

    async def checkpoint(self) -> None:
        """Flush the shard and so shorten its log and the next start; requests wait meanwhile (tens of milliseconds)."""
        async with self.log.files:
            if self.removed:
                return
            started = time.perf_counter()
            self._shard.flush()
            self.dirty_since = None
            metrics.CHECKPOINT_SECONDS.observe(time.perf_counter() - started)

    def start_journal(self) -> None:
        """Keep each operation from now on, to repeat it on a copy of the shard."""
        self._journal = []
        self._changes_before_journal = self.unindexed_changes

    def drop_journal(self) -> None:
        """Stop keeping operations."""
        self._journal = None

    @property
    def journal_length(self) -> int:
        """Number of kept operations."""
        return len(self._journal or ())

    def repeat_on(self, shard: edge.EdgeShard, *, at_most: int) -> None:
        """Move up to `at_most` kept operations, oldest first, to another shard."""
        journal = self._journal or []
        slice_, self._journal = journal[:at_most], journal[at_most:]
        for operation in slice_:
            try:
                shard.update(operation)
            except Exception as error:
                # It failed on this shard in the same way when it was requested, and was answered with an error.
                if type(error) is not Exception:
                    raise

    def replace_shard(self, folder: Path, shard: edge.EdgeShard) -> edge.EdgeShard:
        """Go on with another, flushed shard of the same content; return the old one. Needs `writing` and `log.files`."""
        old, self._shard = self._shard, shard
        self.folder = folder
        self.log.move(folder)
        self.dirty_since = None
        self.unindexed_changes -= self._changes_before_journal
        self._journal = None
        return old

    def close(self) -> None:
        """Flush and release the shard."""
        self._shard.flush()
        self._shard.close()

    def remove(self) -> None:
        """Release the shard and remove its files."""
        self.removed = True
        self._shard.close()
        shutil.rmtree(self.folder, ignore_errors=True)
