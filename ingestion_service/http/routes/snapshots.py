"""Bytes before the job: what is to be ingested is uploaded first, named by its SHA-256."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import anyio.from_thread
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from docgraph.api.snapshots import Snapshot
from docgraph.domain.errors import DocumentTooLargeError
from docgraph.runtime.web import ApiError
from ingestion_service.service import Svc

router = APIRouter(prefix="/snapshots", tags=["snapshots"])
_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.post("", status_code=201)
async def upload(service: Svc, request: Request) -> Snapshot:
    """Store the raw body and return its SHA-256 and size; the same bytes twice are stored once."""
    limit = service.runtime.config.limits.max_document_bytes
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise DocumentTooLargeError(
            f"The body has {announced} bytes and the limit is {limit}; split the document or raise limits.max_document_bytes "
            "in config/ingest.yaml."
        )
    snapshots = service.runtime.snapshots
    try:
        snapshot = await run_in_threadpool(lambda: snapshots.put_stream(_pulled(request.stream()), limit=limit))
    except ClientDisconnect as error:
        raise ApiError(
            400, "incomplete_body", "The connection ended before the body did; nothing was kept.", "Upload it again."
        ) from error
    return Snapshot(sha256=snapshot.sha256, size=snapshot.size)


@router.head("/{sha256}")
def exists(service: Svc, sha256: str) -> Response:
    """Say whether these bytes are here: 200 or 404."""
    found = _SHA256.fullmatch(sha256) is not None and service.runtime.snapshots.exists(sha256)
    return Response(status_code=200 if found else 404)


def _pulled(chunks: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Read the body from the worker thread, piece by piece, as fast as the disk takes it and no faster."""

    async def following() -> bytes | None:
        return await anext(chunks, None)

    while (chunk := anyio.from_thread.run(following)) is not None:
        if chunk:
            yield chunk
