"""Verifying and repairing datasets: runs of Airflow that this process starts and whose events it relays, so that its restart ends none."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response
from sse_starlette import ServerSentEvent

from docgraph.api.errors import Error
from docgraph.api.integrity import Operation, Repair, RepairRequest, Verification, VerifyRequest
from docgraph.domain.addresses import Address, AddressError
from docgraph.domain.errors import StoreUnavailableError
from docgraph.domain.jobs import now
from docgraph.readiness import audit as auditing
from docgraph.readiness.operations import Target
from docgraph.retrieval import UnknownDatasetError
from docgraph.runtime.web import ApiError
from docgraph.state import FROM_START, OperationKind, OperationState, is_entry_id
from docgraph.stores.graph import GraphStore
from ingestion_service.http.routes.events import bad_cursor
from ingestion_service.lanes import in_lane
from ingestion_service.operations import OPERATION_STORES, find, start
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["integrity"])
#: Documents that are verified at once, in milliseconds each; more are a run.
DOCUMENTS_AT_ONCE = 20
#: Milliseconds that one look at Redis waits for news; after each without any, the run is looked at.
BLOCK_MS = 3_000
RECONNECT_MS = 1_000


@router.post("/verify", status_code=202, responses={200: {"model": Operation}})
def verify(service: Svc, body: VerifyRequest, response: Response) -> Operation:
    """Compare graph, full-text index and vectors, and change nothing. 200 with the results where few documents are named."""
    targets = _targets(service, body)
    count = sum(len(target.document_ids or ()) for target in targets)
    if not targets or (body.documents and count <= DOCUMENTS_AT_ONCE):
        response.status_code = 200
        return _verified(service, targets, with_vectors=body.vectors)
    return _started(service, OperationKind.VERIFY, targets, with_vectors=body.vectors)


@router.post("/repair", status_code=202, responses={200: {"model": Operation}})
def repair(service: Svc, body: RepairRequest, response: Response) -> Operation:
    """Repair what differs, compare again, and publish a new verdict. 200 where there is no dataset."""
    targets = _targets(service, body)
    if not targets:
        response.status_code = 200
        return _done(OperationKind.REPAIR, [])
    return _started(service, OperationKind.REPAIR, targets, with_vectors=True)


@router.get("/operations/{run_id}")
def operation(service: Svc, run_id: str) -> Operation:
    """Return how a verification or repair stands, with the results that it has; kept for a week."""
    return _told(find(service, run_id))


@router.get("/operations/{run_id}/events")
async def events(
    service: Svc, run_id: str, after: str | None = None, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """Stream what is told of it, after an event if one is named; `event: end` or `event: error` is the last."""
    await in_lane(service.lanes.streams, lambda: find(service, run_id))
    cursor = last_event_id or after or FROM_START
    if not is_entry_id(cursor):
        raise bad_cursor(cursor)
    return service.streams.response(_stream(service, run_id, cursor))


async def _stream(service: Service, run_id: str, cursor: str) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="docgraph operation", retry=RECONNECT_MS)
    try:
        while True:
            told = await service.runtime.state.operations.read(run_id, cursor, BLOCK_MS)
            for each in told:
                cursor = each.entry_id
                yield ServerSentEvent(json.dumps(each.data, ensure_ascii=False), event=each.event, id=cursor)
                if each.event in {"end", "error"}:
                    return
            if not told:
                await in_lane(service.lanes.streams, lambda: find(service, run_id))
    except StoreUnavailableError:
        # The status line is long gone. A stream without an end asks the client to connect again, and then it is told why.
        return


def _check_stores(service: Service) -> None:
    """Say at once that a store is unavailable: the caller waits for the answer.

    Raises:
        StoreUnavailableError: one is.
    """
    results = service.prober.measure(OPERATION_STORES)
    for name, result in results.items():
        if not result.ok:
            raise StoreUnavailableError(f"{name} is unavailable ({result.error}). Check `make status` and its log.")


def _verified(service: Service, targets: list[Target], *, with_vectors: bool) -> Operation:
    found = [
        auditing.verify(service.runtime, target.tag, target.document_ids, with_vectors=with_vectors)
        for target in targets
    ]
    return _done(OperationKind.VERIFY, [each.as_model() for each in found])


def _done(kind: OperationKind, datasets: list[Repair | Verification]) -> Operation:
    return Operation(
        run_id=None,
        operation=kind.value,
        status="completed",
        tags=[dataset.tag for dataset in datasets],
        created_at=now(),
        finished_at=now(),
        equal=all(dataset.equal for dataset in datasets),
        datasets=datasets,
        error=None,
    )


def _started(service: Service, kind: OperationKind, targets: list[Target], *, with_vectors: bool) -> Operation:
    return _told(find(service, start(service, kind, targets, with_vectors=with_vectors)))


def _told(state: OperationState) -> Operation:
    model = Verification if state.kind is OperationKind.VERIFY else Repair
    datasets = [model.model_validate(state.results[tag]) for tag in state.tags if tag in state.results]
    completed = state.status.is_final and state.error is None
    return Operation(
        run_id=state.run_id,
        operation=state.kind.value,
        status=state.status.value,
        tags=list(state.tags),
        created_at=state.created_at,
        finished_at=state.finished_at,
        equal=all(dataset.equal for dataset in datasets) if completed else None,
        datasets=datasets,
        error=None if state.error is None else Error.model_validate({"hint": "", **state.error}),
    )


def _targets(service: Service, body: RepairRequest) -> list[Target]:
    """Return what is asked for, dataset by dataset.

    Raises:
        ApiError: nothing or too much is named, or a document is unknown.
        UnknownDatasetError: the dataset is.
        StoreUnavailableError: a store is.
    """
    if body.all == bool(body.tag or body.documents):
        raise ApiError(422, "bad_target", "Name a dataset, documents, or all.", "Send tag, documents or all=true.")
    _check_stores(service)
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
    rows = graph.documents_at(_address_or_id(address), tag)
    if not rows:
        where = f"the dataset {tag!r} has" if tag else "any dataset has"
        raise ApiError(
            404,
            "document_not_found",
            f"No document that {where} is at {address}.",
            "Its address is as `ingestctl search` and `ingestctl status` show it.",
        )
    return rows


def _address_or_id(text: str) -> str:
    try:
        # A document's id is shown beside its address, and is none.
        return str(uuid.UUID(text))
    except ValueError:
        pass
    try:
        return Address.of(text).uri
    except AddressError as error:
        raise ApiError(422, "bad_address", str(error), "") from error
