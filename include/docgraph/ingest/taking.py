"""Taking what has changed in a source: each change becomes a job that is durable before the source lets go of its original."""

from __future__ import annotations

from collections.abc import Sequence

from docgraph.domain.errors import DocumentError
from docgraph.domain.jobs import Operation
from docgraph.ingest import intake
from docgraph.ingest.intake import NewJob
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint
from docgraph.sources.base import Change, Source


def take(runtime: Runtime, source: Source, seen: Sequence[str] = ()) -> dict[str, list[str]]:
    """Turn every change of a source into a queued job; returns the ids of the jobs by tag.

    `seen` is what the source's `poll` returned. A change that can't become a document becomes a failed job that says why,
    and the others go on. A crash between a job and its settling makes the same job again, which is harmless.

    Raises:
        InfrastructureError: Redis or the source can't be reached, or a disk is full; what was not settled is yielded by the next call.
    """
    cursor = runtime.state.cursors.get(source.name) if source.remembers else {}
    jobs: dict[str, list[str]] = {}
    for change in source.changes(cursor, seen):
        failpoint("watch.before_enqueue")
        job_id = _enqueue(runtime, change)
        failpoint("watch.after_enqueue")
        source.settle(change)
        if source.remembers:
            runtime.state.cursors.note(source.name, change.uri, None if change.deleted else change.version)
        jobs.setdefault(change.tag, []).append(job_id)
    return jobs


def _enqueue(runtime: Runtime, change: Change) -> str:
    if change.deleted:
        return intake.accept(runtime, [NewJob(change.uri, change.tag, op=Operation.DELETE)])[0].job_id
    new = NewJob(change.uri, change.tag, content_type=change.content_type)
    try:
        limit = runtime.config.limits.max_document_bytes
        snapshot = runtime.snapshots.put_stream(change.open(), limit=limit)
        new = NewJob(new.source_uri, new.tag, snapshot.sha256, new.content_type, size=snapshot.size)
        return intake.accept(runtime, [new])[0].job_id
    except DocumentError as error:
        return intake.refuse(runtime, new, error)
