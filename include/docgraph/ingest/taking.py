"""Taking what has changed in a source: each change becomes a job that is durable before the source lets go of its original.

What has gone from a source that mirrors is deleted under its rules: not at all where it keeps what it lost, and only with a
person's approval where it lost too much at once (`GuardConfig`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from docgraph.domain.errors import DocgraphError, DocumentError, InfrastructureError, StateUnreadableError
from docgraph.domain.jobs import Operation
from docgraph.ingest import intake
from docgraph.ingest.intake import NewJob
from docgraph.runtime.config import GuardConfig
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint
from docgraph.sources.base import Change, ChangedMeanwhileError, Source, SyncPlan
from docgraph.state import Decision, Settled, Withheld

logger = logging.getLogger(__name__)

T = TypeVar("T")
#: Items of one batch: changes that are noted together, deletions and requests that are enqueued together.
_TOGETHER = 64
_DEFAULT_GUARD = GuardConfig()


@dataclass(slots=True)
class Taken:
    """What one look at a source led to."""

    #: Ids of the jobs, by tag.
    jobs: dict[str, list[str]] = field(default_factory=dict)
    #: Deletions that wait for a person's answer.
    withheld: Withheld | None = None
    #: Why an original could not be let go of, the first of them; its job stands, and it is looked at again.
    unsettled: InfrastructureError | None = None

    def add(self, tag: str, job_id: str) -> None:
        """Add a job."""
        self.jobs.setdefault(tag, []).append(job_id)


def take(
    runtime: Runtime,
    source: Source,
    seen: Sequence[str] = (),
    *,
    keep_deleted: bool = False,
    guard: GuardConfig = _DEFAULT_GUARD,
    progressed: Callable[[], None] = lambda: None,
) -> Taken:
    """Turn every change of a source into a queued job.

    `seen` is what the source's `poll` returned; `progressed` is called before each change. A change that can't become a
    document becomes a failed job that says why, and so does one that nobody foresaw would fail; the others go on. An original
    that can't be put aside keeps its job (`Taken.unsettled`). A crash between a job and its settling makes the same job again,
    which is harmless. Bytes that are those settled last make no job.

    Raises:
        InfrastructureError: Redis or the source can't be reached, or a disk is full; what was not settled is yielded by the next call.
    """
    cursor = runtime.state.cursors.get(source.name) if source.remembers else {}
    taken = Taken()
    gone: list[Change] = []
    for changes in in_batches(source.changes({uri: each.version for uri, each in cursor.items()}, seen)):
        failpoint("watch.before_enqueue")
        settled: dict[str, Settled | None] = {}
        for change in changes:
            progressed()
            if change.deleted:
                gone.append(change)
                continue
            try:
                sha256, job_id = _enqueue(runtime, change, cursor.get(change.uri))
            except ChangedMeanwhileError as error:
                logger.info("%s", error)
                continue
            failpoint("watch.after_enqueue")
            try:
                source.settle(change)
            except InfrastructureError as error:
                if source.remembers:
                    raise
                logger.warning("%s", error)
                taken.unsettled = taken.unsettled or error
            settled[change.uri] = Settled(change.version, sha256)
            if job_id:
                taken.add(change.tag, job_id)
        if source.remembers:
            runtime.state.cursors.note(source.name, settled)
    if source.remembers:
        _let_go(runtime, source, gone, len(cursor), taken, keep_deleted=keep_deleted, guard=guard)
    return taken


def approve(runtime: Runtime, source: Source, plan_id: str) -> Taken | None:
    """Delete what was withheld under a plan, as far as it is still gone from the source; None: that plan waits no longer.

    Raises:
        InfrastructureError: Redis or the source can't be reached; nothing more is deleted until it is asked again.
    """
    withheld = runtime.state.withheld.get(source.name)
    if withheld is None or withheld.plan_id != plan_id:
        return None
    taken = Taken()
    gone = [change for change in source.changes(runtime.state.cursors.versions(source.name)) if change.deleted]
    _delete(runtime, source, [change for change in gone if change.uri in withheld.removed], taken)
    runtime.state.withheld.end(source.name)
    return taken


def _let_go(
    runtime: Runtime,
    source: Source,
    gone: Sequence[Change],
    known: int,
    taken: Taken,
    *,
    keep_deleted: bool,
    guard: GuardConfig,
) -> None:
    """Delete what has gone, keep it, or withhold its deletion."""
    if keep_deleted:
        if gone:
            logger.info("%d documents have gone from %s and are kept, as it is configured", len(gone), source.name)
        runtime.state.cursors.note(source.name, dict.fromkeys((change.uri for change in gone), None))
    elif guard.withholds(len(gone), known):
        plan = SyncPlan(source.name, removed=tuple(sorted(change.uri for change in gone)))
        withheld = Withheld(source.name, plan.plan_id, {change.uri: change.tag for change in gone}, known)
        withheld = runtime.state.withheld.set(withheld)
        taken.withheld = withheld if withheld.decision is Decision.WAITING else None
        return
    else:
        _delete(runtime, source, gone, taken)
    if runtime.state.withheld.get(source.name) is not None:
        # What was missing came back, or is few enough now.
        runtime.state.withheld.end(source.name)


def _delete(runtime: Runtime, source: Source, gone: Sequence[Change], taken: Taken) -> None:
    for changes in in_batches(gone):
        news = [NewJob(change.uri, change.tag, op=Operation.DELETE) for change in changes]
        for change, job_id in zip(changes, _accepted(runtime, news), strict=True):
            source.settle(change)
            taken.add(change.tag, job_id)
        runtime.state.cursors.note(source.name, dict.fromkeys((change.uri for change in changes), None))


def _accepted(runtime: Runtime, news: Sequence[NewJob]) -> list[str]:
    """Return the id of each request's job, a failed one where it is refused."""
    try:
        return [enqueued.job_id for enqueued in intake.accept(runtime, news)]
    except DocumentError as error:
        if len(news) == 1:
            return [intake.refuse(runtime, news[0], error)]
        # Asked for one by one, the one that is refused costs the others nothing.
        return [job_id for new in news for job_id in _accepted(runtime, [new])]


def _enqueue(runtime: Runtime, change: Change, before: Settled | None) -> tuple[str, str]:
    """Make the bytes and then the job durable; returns the bytes' SHA-256 and the job's id, which is empty where none is needed."""
    new = NewJob(change.uri, change.tag, content_type=change.content_type)
    try:
        limit = runtime.config.limits.max_document_bytes
        snapshot = runtime.snapshots.put_stream(change.open(), limit=limit)
        if before is not None and before.sha256 == snapshot.sha256:
            return snapshot.sha256, ""
        new = NewJob(new.source_uri, new.tag, snapshot.sha256, new.content_type, size=snapshot.size)
        return snapshot.sha256, intake.accept(runtime, [new])[0].job_id
    except DocumentError as error:
        return "", intake.refuse(runtime, new, error)
    except StateUnreadableError as error:
        return "", intake.refuse(runtime, new, DocumentError(str(error)))
    except DocgraphError:
        raise
    except Exception as error:
        logger.exception("%s can't be taken:", change.uri)
        return "", intake.refuse(
            runtime,
            new,
            DocumentError(
                f"{change.uri} can't be taken: {type(error).__name__}: {error}. This is a fault of docgraph: report it with the file "
                "and the log of the task."
            ),
        )


def in_batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items in lists of a size that is worth a round trip."""
    left = iter(items)
    while batch := list(islice(left, _TOGETHER)):
        yield batch
