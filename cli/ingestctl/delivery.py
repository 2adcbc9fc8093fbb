"""Bringing local documents to the service: bytes it does not hold yet are streamed up, then the jobs are posted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from docgraph.api.jobs import JobRequest
from docgraph.domain.jobs import Operation
from ingestctl.client import JOBS_PER_REQUEST, ServiceClient
from ingestctl.errors import CommandError, RefusedError
from ingestctl.files import FileError, LocalDocument, Rejected, read_chunks, rejection, sha256_of, unreadable

#: Files that are read and sent at the same time.
CONCURRENCY = 4

#: Called with a document, the bytes sent so far and all its bytes.
Sent = Callable[[LocalDocument, int, int], None]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A document whose bytes the service holds (a deletion has none)."""

    document: LocalDocument
    checksum: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A document with the job that brings it up to date."""

    document: LocalDocument
    job_id: str
    document_id: str
    deduplicated: bool


def deliver(client: ServiceClient, documents: Sequence[LocalDocument], sent: Sent) -> list[Delivered | Rejected]:
    """Upload what the service lacks, a few files at a time; the answers are in the order of `documents`.

    A file that can't be read or is refused becomes `Rejected`, and the others go on.

    Raises:
        UnreachableError: the service can't be reached; nothing was queued.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="ingestctl-upload") as pool:
        futures: list[Future[Delivered | Rejected]] = [
            pool.submit(_deliver_one, client, document, sent, stop) for document in documents
        ]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                if (error := future.exception()) is not None:
                    raise error
            return [future.result() for future in futures]
        finally:
            # After an error or Ctrl-C the files in flight end at their next piece, and no other one begins.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def post(
    client: ServiceClient, tag: str, delivered: Sequence[Delivered], op: Operation, remark: Callable[[str], None]
) -> list[Posted]:
    """Queue one job a document; returns them in the same order. What the service has to say about it goes to `remark`.

    Raises:
        CommandError: the service refuses them or answers incompletely.
    """
    posted: list[Posted] = []
    for start in range(0, len(delivered), JOBS_PER_REQUEST):
        chunk = delivered[start : start + JOBS_PER_REQUEST]
        answer = client.post_jobs([_job(tag, item, op) for item in chunk])
        if answer.note:
            remark(answer.note)
        by_uri = {job.source_uri: job for job in answer.jobs}
        for item in chunk:
            if (job := by_uri.get(item.document.source_uri)) is None:
                raise CommandError(
                    f"The service took the jobs, but named none for {item.document.source_uri}.",
                    hint=f"`ingestctl status --tag {tag}` shows what was queued.",
                    code="version_mismatch",
                )
            posted.append(Posted(item.document, job.job_id, job.document_id, job.deduplicated))
    return posted


def _job(tag: str, item: Delivered, op: Operation) -> JobRequest:
    document = item.document
    return JobRequest(
        source_uri=document.source_uri, tag=tag, checksum=item.checksum, content_type=document.content_type, op=op
    )


def _deliver_one(
    client: ServiceClient, document: LocalDocument, sent: Sent, stop: threading.Event
) -> Delivered | Rejected:
    try:
        total = document.path.stat().st_size
        sent(document, 0, total)
        checksum = sha256_of(_interruptible(read_chunks(document.path), stop))
        if not client.has_snapshot(checksum):
            # What arrived counts, should the file have changed since it was hashed: those bytes are what is stored.
            checksum = client.upload(lambda: _counted(document, total, sent, stop))
        sent(document, total, total)
    except OSError as error:
        return rejection(document.name, unreadable(document.path, error))
    except FileError as error:
        return rejection(document.name, error)
    except RefusedError as error:
        refused = RefusedError(f"The service refuses {document.name}: {error}", hint=error.hint, code=error.code)
        return rejection(document.name, refused)
    return Delivered(document, checksum)


def _counted(document: LocalDocument, total: int, sent: Sent, stop: threading.Event) -> Iterator[bytes]:
    done = 0
    for chunk in _interruptible(read_chunks(document.path), stop):
        yield chunk
        done += len(chunk)
        sent(document, done, total)


def _interruptible(chunks: Iterator[bytes], stop: threading.Event) -> Iterator[bytes]:
    for chunk in chunks:
        if stop.is_set():
            raise CommandError("The upload was stopped.", code="interrupted")
        yield chunk
