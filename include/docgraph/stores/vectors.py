"""The vector store: all of docgraph's Qdrant calls, through the unmodified client, against any Qdrant server.

One collection an embedding version, shared by all datasets. A point's payload holds what its section id determines (and
hashes), plus the fence of the attempt that staged it. Nothing here decides what exists: that is the graph's.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from docgraph.domain.documents import COLLECTION_PREFIX, EmbeddingVersion, Point, StoredPoint
from docgraph.domain.errors import InfrastructureError, StoreUnavailableError
from docgraph.domain.waits import QDRANT, waiting_for

P = ParamSpec("P")
R = TypeVar("R")

#: Points read with one scroll request.
SCROLL_PAGE = 2000
#: What reading answers where the collection is missing; nothing else that is read can be.
_NOT_FOUND = 404
_INDEXES = {
    "tag": models.PayloadSchemaType.KEYWORD,
    "document_id": models.PayloadSchemaType.KEYWORD,
    "fence": models.PayloadSchemaType.INTEGER,
}


@dataclass(frozen=True, slots=True)
class ScoredPoint:
    """A candidate of the dense arm; `score` is the cosine similarity (vectors are normalised, distance Dot)."""

    section_id: str
    document_id: str
    fence: int
    score: float


def _translated(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with waiting_for(QDRANT):
                return function(*args, **kwargs)
        except (ResponseHandlingException, httpx.TransportError) as error:
            raise StoreUnavailableError(
                f"Qdrant can't be reached: {error}. Check `make status` and Qdrant's log."
            ) from error
        except UnexpectedResponse as error:
            if error.status_code in {401, 403}:
                raise StoreUnavailableError("Qdrant refuses the API key; check DOCGRAPH_QDRANT_API_KEY.") from error
            content = error.content.decode(errors="replace")[:500]
            raise InfrastructureError(f"Qdrant refused a request ({error.status_code}): {content}") from error

    return wrapper


class VectorStore:
    """Qdrant as docgraph uses it."""

    def __init__(self, url: str, api_key: str | None = None, timeout_seconds: int = 60) -> None:
        with warnings.catch_warnings():
            # The key of a server on loopback may go without TLS; elsewhere the URL says https.
            warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
            self._client = QdrantClient(url=url, api_key=api_key, timeout=timeout_seconds, check_compatibility=False)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    @_translated
    def ping(self) -> float:
        """Return the seconds that the smallest request takes.

        Raises:
            StoreUnavailableError: no answer.
        """
        start = time.monotonic()
        self._client.get_collections()
        return time.monotonic() - start

    @_translated
    def ensure(self, version: EmbeddingVersion) -> None:
        """Make the version's collection and its payload indexes where they are missing; safe from several processes.

        A crash may come between the collection and an index: each is looked for by itself.
        """
        name = version.collection
        if not self._client.collection_exists(name):
            self._create(name, version.dimensions)
        indexed = self._client.get_collection(name).payload_schema
        for field, schema in _INDEXES.items():
            if field not in indexed:
                self._client.create_payload_index(name, field, field_schema=schema, wait=True)

    def _create(self, collection: str, dimensions: int) -> None:
        vectors = models.VectorParams(size=dimensions, distance=models.Distance.DOT)
        try:
            self._client.create_collection(collection, vectors_config=vectors)
        except UnexpectedResponse as error:
            # Another process made it between the two calls.
            if error.status_code != 409:
                raise

    @_translated
    def exists(self, version: EmbeddingVersion) -> bool:
        """Whether the version's collection exists."""
        return bool(self._client.collection_exists(version.collection))

    @_translated
    def drop(self, version: EmbeddingVersion) -> None:
        """Delete the version's collection with all points."""
        self._client.delete_collection(version.collection)

    @_translated
    def stage(self, version: EmbeddingVersion, points: Sequence[Point], fence: int) -> None:
        """Upsert points under a fence, conditionally: one that carries the same or a higher fence stays as it is.

        The condition is evaluated by the server inside the upsert, never by a read before it; returns when durable.
        """
        self._client.upsert(
            version.collection,
            points=[
                models.PointStruct(
                    id=point.section_id, vector=list(map(float, point.vector)), payload=_payload(point, fence)
                )
                for point in points
            ],
            update_filter=models.Filter(must_not=[_fence(gte=fence)]),
            wait=True,
        )

    @_translated
    def sweep(self, version: EmbeddingVersion, document_id: str, fence: int, generation: Sequence[str]) -> None:
        """Delete the document's points that are not in the generation and whose fence is not above `fence`.

        Only an attempt whose fence is in the Document may call this (`protocol.may_sweep`).
        """
        must_not: list[models.Condition] = [_fence(gt=fence)]
        if generation:
            must_not.append(models.HasIdCondition(has_id=list(generation)))
        self._client.delete(
            version.collection,
            points_selector=models.FilterSelector(
                filter=models.Filter(must=[_match("document_id", document_id)], must_not=must_not)
            ),
            wait=True,
        )

    @_translated
    def delete_unowned(self, version: EmbeddingVersion, section_ids: Sequence[str], document_id: str) -> None:
        """Delete those of the points that say they belong to `document_id`, which can be no document's id.

        No attempt ever stages such a point, and an attempt that stages the section anew changes what the condition looks at.
        """
        owner: list[models.Condition] = [_match("document_id", document_id)]
        if not document_id:
            owner.append(models.IsEmptyCondition(is_empty=models.PayloadField(key="document_id")))
        condition = models.Filter(must=[models.HasIdCondition(has_id=list(section_ids))], should=owner)
        self._client.delete(version.collection, points_selector=models.FilterSelector(filter=condition), wait=True)

    @_translated
    def delete_dataset(self, version: EmbeddingVersion, tag: str) -> None:
        """Delete all of a dataset's points of a version that nobody reads or writes for it any more."""
        condition = models.Filter(must=[_match("tag", tag)])
        self._client.delete(version.collection, points_selector=models.FilterSelector(filter=condition), wait=True)

    @_translated
    def collections(self) -> list[str]:
        """Return the names of the collections of all embedding versions."""
        names = (each.name for each in self._client.get_collections().collections)
        return sorted(name for name in names if name.startswith(COLLECTION_PREFIX))

    @_translated
    def retrieve(
        self, version: EmbeddingVersion, section_ids: Sequence[str], *, with_vectors: bool = False
    ) -> dict[str, StoredPoint]:
        """Return those of the points that exist, by id; without a collection there are none."""
        found: dict[str, StoredPoint] = {}
        for start in range(0, len(section_ids), SCROLL_PAGE):
            try:
                records = self._client.retrieve(
                    version.collection,
                    ids=list(section_ids[start : start + SCROLL_PAGE]),
                    with_payload=True,
                    with_vectors=with_vectors,
                )
            except UnexpectedResponse as error:
                if error.status_code != _NOT_FOUND:
                    raise
                return {}
            found |= {str(record.id): _stored(record) for record in records}
        return found

    def scroll(
        self,
        version: EmbeddingVersion,
        *,
        tag: str | None = None,
        document_id: str | None = None,
        document_ids: Sequence[str] | None = None,
        with_vectors: bool = False,
    ) -> Iterator[StoredPoint]:
        """Yield the points of a dataset, a document or several documents in the order of their ids, a page at a time.

        Without a collection there are none.
        """
        must: list[models.Condition] = []
        if tag is not None:
            must.append(_match("tag", tag))
        if document_id is not None:
            must.append(_match("document_id", document_id))
        if document_ids is not None:
            must.append(_match_any("document_id", document_ids))
        return self._points(version.collection, models.Filter(must=must), with_vectors)

    def owners(self, document_ids: Sequence[str]) -> set[str]:
        """Return those of the documents that have a point in any collection, whatever its fence."""
        some = [document_ids[start : start + SCROLL_PAGE] for start in range(0, len(document_ids), SCROLL_PAGE)]
        conditions = [models.Filter(must=[_match_any("document_id", ids)]) for ids in some]
        return {
            point.document_id
            for collection in self.collections()
            for condition in conditions
            for point in self._points(collection, condition, False)
        }

    def _points(self, collection: str, condition: models.Filter, with_vectors: bool) -> Iterator[StoredPoint]:
        offset: Any = None
        while True:
            records, offset = self._page(collection, condition, offset, with_vectors)
            yield from map(_stored, records)
            if offset is None:
                return

    @_translated
    def _page(
        self, collection: str, condition: models.Filter, offset: Any, with_vectors: bool
    ) -> tuple[list[models.Record], Any]:
        try:
            return self._client.scroll(
                collection,
                scroll_filter=condition,
                limit=SCROLL_PAGE,
                offset=offset,
                with_payload=True,
                with_vectors=with_vectors,
            )
        except UnexpectedResponse as error:
            if error.status_code != _NOT_FOUND:
                raise
            return [], None

    @_translated
    def count(self, version: EmbeddingVersion, tag: str) -> int:
        """Return the exact number of the dataset's points, staged and stray ones included; 0 without a collection."""
        condition = models.Filter(must=[_match("tag", tag)])
        try:
            return self._client.count(version.collection, count_filter=condition, exact=True).count
        except UnexpectedResponse as error:
            if error.status_code != _NOT_FOUND:
                raise
            return 0

    @_translated
    def nearest(
        self,
        version: EmbeddingVersion,
        tag: str,
        vector: Sequence[float],
        limit: int,
        *,
        document_ids: Sequence[str] | None = None,
    ) -> list[ScoredPoint]:
        """Return the points of the dataset most similar to `vector`, best first; optionally of some documents only."""
        must: list[models.Condition] = [_match("tag", tag)]
        if document_ids is not None:
            must.append(_match_any("document_id", document_ids))
        answer = self._client.query_points(
            version.collection,
            query=list(map(float, vector)),
            query_filter=models.Filter(must=must),
            limit=limit,
            with_payload=["document_id", "fence"],
        )
        return [
            ScoredPoint(str(p.id), str((p.payload or {})["document_id"]), int((p.payload or {})["fence"]), p.score)
            for p in answer.points
        ]


def _match(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _match_any(key: str, values: Sequence[str]) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))


def _fence(*, gte: int | None = None, gt: int | None = None) -> models.FieldCondition:
    return models.FieldCondition(key="fence", range=models.Range(gte=gte, gt=gt))


def _payload(point: Point, fence: int) -> dict[str, Any]:
    return {
        "tag": point.tag,
        "document_id": point.document_id,
        "text_hash": point.text_hash,
        "vector_hash": point.vector_hash,
        "fence": fence,
    }


def _stored(record: models.Record) -> StoredPoint:
    payload = record.payload or {}
    vector = record.vector
    return StoredPoint(
        section_id=str(record.id),
        document_id=str(payload.get("document_id", "")),
        tag=str(payload.get("tag", "")),
        fence=int(payload.get("fence", 0)),
        text_hash=str(payload.get("text_hash", "")),
        vector_hash=str(payload.get("vector_hash", "")),
        vector=tuple(vector) if isinstance(vector, list) else None,  # type: ignore[arg-type]
    )
