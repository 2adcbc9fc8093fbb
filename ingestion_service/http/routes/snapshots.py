"""Bytes before the job: what is to be ingested is uploaded first, named by its SHA-256."""

from __future__ import annotations

import functools
import re
import tempfile
from typing import IO

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from docgraph.api.snapshots import Snapshot
from docgraph.domain.errors import DocumentTooLargeError, InfrastructureError
from docgraph.runtime.web import ApiError
from ingestion_service.lanes import in_lane
from ingestion_service.service import Service, Svc

router = APIRouter(prefix="/snapshots", tags=["snapshots"])
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: Bytes of an upload that are kept in memory until it is whole; what is longer goes through a file.
_IN_MEMORY_BYTES = 256 * 2**10
_PIECE_BYTES = 2**20


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
    # A client may take its time: the body is collected without a worker thread, and stored when it is whole.
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as body:
        try:
            await _collect(service, request, body, limit)
        except ClientDisconnect as error:
            raise ApiError(
                400,
                "incomplete_body",
                "The connection ended before the body did; nothing was kept.",
                "Upload it again.",
            ) from error
        body.seek(0)
        pieces = iter(lambda: body.read(_PIECE_BYTES), b"")
        store = service.runtime.snapshots
        snapshot = await in_lane(service.lanes.uploads, lambda: store.put_stream(pieces, limit=limit))
    return Snapshot(sha256=snapshot.sha256, size=snapshot.size)


async def _collect(service: Service, request: Request, body: IO[bytes], limit: int) -> None:
    """Take the whole body.

    Raises:
        DocumentTooLargeError: it has more than `limit` bytes.
        ClientDisconnect: it broke off.
        InfrastructureError: the disk is full or broken.
    """
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise DocumentTooLargeError(
                f"The document has more than {limit:,} bytes, the limit. Split it, or raise the limit in config/ingest.yaml."
            )
        try:
            if size <= _IN_MEMORY_BYTES:
                body.write(piece)
            else:
                await in_lane(service.lanes.uploads, functools.partial(body.write, piece))
        except OSError as error:
            raise InfrastructureError(
                f"An upload can't be written to {tempfile.gettempdir()} ({error.strerror}); free space there, or set TMPDIR."
            ) from error


@router.head("/{sha256}")
def exists(service: Svc, sha256: str) -> Response:
    """Say whether these bytes are here: 200 or 404."""
    found = _SHA256.fullmatch(sha256) is not None and service.runtime.snapshots.exists(sha256)
    return Response(status_code=200 if found else 404)
