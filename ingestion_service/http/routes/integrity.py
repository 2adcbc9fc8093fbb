"""Comparing and mending datasets on request: long operations that tell about their progress, one JSON object a line."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from docgraph.api.integrity import RepairRequest, VerifyRequest
from docgraph.api.web import ApiError
from docgraph.domain.errors import DocgraphError, EmbeddingVersionError, WorldError
from docgraph.domain.identity import canonical_source_uri
from docgraph.readiness import audit as auditing
from docgraph.retrieval import UnknownDatasetError
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph import GraphStore
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["integrity"])
#: Seconds of silence after which a line says that the operation is still at work.
HEARTBEAT_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A dataset, or some of its documents."""

    tag: str
    document_ids: tuple[str, ...] | None = None


@router.post("/verify")
async def verify(service: Svc, body: VerifyRequest) -> StreamingResponse:
    """Compare graph, full-text index and vectors, and change nothing."""
    targets = await run_in_threadpool(_targets, service, body)

    def work(runtime: Runtime, target: Target, say: auditing.Say) -> Mapping[str, Any]:
        found = auditing.verify(runtime, target.tag, target.document_ids, with_vectors=body.vectors, say=say)
        return found.as_json()

    return _streamed(service, targets, work)


@router.post("/repair")
async def repair(service: Svc, body: RepairRequest) -> StreamingResponse:
    """Mend what differs, compare again, and publish a new verdict."""
    targets = await run_in_threadpool(_targets, service, body)

    def work(runtime: Runtime, target: Target, say: auditing.Say) -> Mapping[str, Any]:
        return auditing.repair(runtime, target.tag, target.document_ids, say=say).as_json()

    return _streamed(service, targets, work)


def _targets(service: Service, body: RepairRequest) -> list[Target]:
    """Return what is asked for, dataset by dataset.

    Raises:
        ApiError: nothing or too much is named, or a document is unknown.
        UnknownDatasetError: the dataset is.
        StoreUnavailableError: Neo4j is away.
    """
    if body.all == bool(body.tag or body.documents):
        raise ApiError(422, "bad_target", "Name a dataset, documents, or all.", "Send tag, documents or all=true.")
    graph = service.runtime.graph
    if body.all:
        return [Target(str(row["tag"])) for row in graph.datasets()]
    if body.tag is not None and graph.dataset(body.tag) is None:
        raise UnknownDatasetError(f"No dataset has the tag {body.tag!r}; `ingestctl datasets` lists them.")
    if not body.documents:
        return [Target(str(body.tag))]
    found: dict[str, list[str]] = {}
    for address in body.documents:
        for row in _documents_at(graph, address, body.tag):
            found.setdefault(row["tag"], []).append(row["document_id"])
    return [Target(tag, tuple(dict.fromkeys(ids))) for tag, ids in found.items()]


def _documents_at(graph: GraphStore, address: str, tag: str | None) -> list[dict[str, str]]:
    try:
        rows = graph.documents_at(canonical_source_uri(address), tag)
    except ValueError as error:
        raise ApiError(422, "bad_address", f"{address!r} is no address: {error}.", "") from error
    if not rows:
        where = f"the dataset {tag!r} has" if tag else "any dataset has"
        raise ApiError(
            404,
            "document_not_found",
            f"No document that {where} is at {address}.",
            "Its address is as `ingestctl search` and `ingestctl status` show it.",
        )
    return rows


Work = Callable[[Runtime, Target, auditing.Say], Mapping[str, Any]]


def _streamed(service: Service, targets: list[Target], work: Work) -> StreamingResponse:
    return StreamingResponse(
        _Operation(service, targets, work).lines(),
        media_type="application/x-ndjson",
        headers={"Cache-Control": "no-store"},
    )


class _StoppedError(Exception):
    """The client has gone; what was mended stays, the rest is left."""


class _Operation:
    """One request's work in a thread of its own, with connections of its own: it may take as long as it takes."""

    def __init__(self, service: Service, targets: list[Target], work: Work) -> None:
        self._service = service
        self._targets = targets
        self._work = work
        self._events: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        self._gone = threading.Event()

    async def lines(self) -> AsyncIterator[str]:
        """Start the work and yield what it tells, line by line, until it has ended."""
        threading.Thread(target=self._run, name="parity", daemon=True).start()
        try:
            while (event := await run_in_threadpool(self._next)) is not None:
                yield json.dumps(event, ensure_ascii=False) + "\n"
        finally:
            self._gone.set()

    def _next(self) -> Mapping[str, Any] | None:
        try:
            return self._events.get(timeout=HEARTBEAT_SECONDS)
        except queue.Empty:
            return {"event": "waiting"}

    def _run(self) -> None:
        try:
            for event in self._told():
                self._events.put(event)
        except _StoppedError:
            _log.info("the client of a comparison has gone; it ends")
        except DocgraphError as error:
            self._events.put({"event": "error", "error": _error(error)})
        except Exception:  # noqa: BLE001 - the boundary of the thread: logged and told
            _log.exception("comparing or mending failed")
            body = {
                "code": "internal_error",
                "message": "It failed unexpectedly.",
                "hint": "The service's log has the trace.",
            }
            self._events.put({"event": "error", "error": body})
        finally:
            self._events.put(None)

    def _told(self) -> Iterator[Mapping[str, Any]]:
        equal = True
        with Runtime(self._service.settings) as runtime:
            for target in self._targets:
                result = self._work(runtime, target, lambda event, tag=target.tag: self._say(tag, event))  # type: ignore[misc]
                equal = equal and bool(result["equal"])
                yield {"event": "dataset", **result}
        yield {"event": "end", "equal": equal}

    def _say(self, tag: str, event: Mapping[str, Any]) -> None:
        if self._gone.is_set():
            raise _StoppedError
        self._events.put({"event": "progress", "tag": tag, **event})


def _error(error: DocgraphError) -> dict[str, str]:
    if isinstance(error, EmbeddingVersionError):
        code = "wrong_embedding_version"
    elif isinstance(error, WorldError):
        code = "store_unavailable"
    else:
        code = str(getattr(error, "code", "failed"))
    return {"code": code, "message": str(error), "hint": ""}
