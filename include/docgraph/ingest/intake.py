"""What every producer of jobs goes through: checks, the document's version, the queue.

The dispatcher admits entries of other programs by the same checks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from docgraph.domain.addresses import Address, is_address
from docgraph.domain.errors import DocumentError, SnapshotMissingError, StoreUnavailableError
from docgraph.domain.identity import canonical_source_uri, document_id, is_tag
from docgraph.domain.jobs import Job, Operation, new_job_id, now
from docgraph.runtime.connections import Runtime
from docgraph.state.records import Enqueued

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a producer asks for; the bytes of an upsert are already in the snapshot store."""

    source_uri: str
    tag: str
    checksum: str = ""
    content_type: str = "text/markdown"
    op: Operation = Operation.UPSERT
    size: int = 0


def check(runtime: Runtime, new: NewJob) -> None:
    """Refuse a job that can't be processed.

    Raises:
        DocumentError: bad tag or address, or the snapshot is missing.
    """
    if not is_tag(new.tag):
        raise DocumentError(
            f"{new.tag!r} can't name a dataset; use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit."
        )
    Address.of(new.source_uri)
    if new.op is Operation.UPSERT and not runtime.snapshots.exists(new.checksum):
        raise SnapshotMissingError(
            f"{new.source_uri}: no bytes with SHA-256 {new.checksum!r} are in the snapshot store; "
            "POST them to /v1/snapshots first."
        )


def accept(runtime: Runtime, news: Sequence[NewJob]) -> list[Enqueued]:
    """Put the jobs into the queue, in their order; returns one answer a job.

    Raises:
        DocumentError: a job is refused by `check`; none was enqueued.
        StoreUnavailableError: Redis can't be reached; jobs before the one that failed may be enqueued, and asking again is harmless.
    """
    for new in news:
        check(runtime, new)
    ids = [document_id(new.tag, new.source_uri) for new in news]
    versions = committed_versions(runtime, ids)
    return [
        runtime.state.jobs.enqueue(as_job(new), committed_version=versions.get(document, 0))
        for new, document in zip(news, ids, strict=True)
    ]


def ask_again(runtime: Runtime, news: Sequence[NewJob]) -> list[Enqueued]:
    """Ask again for documents as they were asked for last; those for which something else was asked since are left out.

    Raises:
        StoreUnavailableError: Redis can't be reached; jobs before the one that failed may be enqueued, and asking again is harmless.
    """
    ids = [document_id(new.tag, new.source_uri) for new in news]
    versions = committed_versions(runtime, ids)
    asked = [
        runtime.state.jobs.enqueue_again(as_job(new), committed_version=versions.get(document, 0))
        for new, document in zip(news, ids, strict=True)
    ]
    return [enqueued for enqueued in asked if enqueued is not None]


def as_job(new: NewJob) -> Job:
    """Give a request its id and time."""
    return Job(
        job_id=new_job_id(),
        # An invalid address has no canonical spelling; a request for it is only ever refused.
        source_uri=canonical_source_uri(new.source_uri) if is_address(new.source_uri) else new.source_uri,
        content_type=new.content_type,
        checksum=new.checksum,
        tag=new.tag,
        created_at=now(),
        op=new.op,
        size=new.size,
    )


def committed_versions(runtime: Runtime, document_ids: Sequence[str]) -> dict[str, int]:
    """Ask the graph for the versions of documents that Redis has forgotten, so that losing Redis can't turn one back."""
    known = runtime.state.jobs.known_version(list(dict.fromkeys(document_ids)))
    unknown = [i for i in dict.fromkeys(document_ids) if i not in known]
    if not unknown:
        return {}
    try:
        return {i: committed.version for i, committed in runtime.graph.committed_many(unknown).items()}
    except StoreUnavailableError:
        # Versions are also clock-based: only a lost Redis *and* a clock turned back could order this one wrongly.
        logger.warning("Neo4j is down: %d new jobs take their version from the clock alone", len(unknown))
        return {}


def refuse(runtime: Runtime, new: NewJob, error: DocumentError) -> str:
    """Record a request that can't become a document as a failed job, so that it shows in the run and the report; returns its id."""
    job = as_job(new)
    entry = runtime.state.jobs.post(job)
    fields = {key: str(value) for key, value in asdict(job).items()}
    return runtime.state.jobs.reject(entry, fields, error.code, str(error))
