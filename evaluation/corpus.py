"""Brings a set into a dataset of its own, through the pipeline's own stages; what stands there already costs nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import InfrastructureError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import STAGES, JobStatus, Operation
from docgraph.formats import parse
from docgraph.ingest import intake, pipeline
from docgraph.ingest.intake import NewJob
from docgraph.ingest.work import parse_options
from docgraph.runtime.connections import Runtime
from evaluation.manual import Document
from evaluation.questions import Parsed

TAG = "eval-python-manual"
#: Documents of one run: small, so that progress shows and an interrupted run loses little.
_AT_ONCE = 8
_CONTENT_TYPE = "text/markdown"


@dataclass(frozen=True, slots=True)
class File:
    """What is ingested: the bytes of a document, under the address and as the type that it is ingested as."""

    source_uri: str
    data: bytes
    content_type: str = _CONTENT_TYPE


def read(runtime: Runtime, tag: str, file: File) -> ParsedDocument:
    """Return a document as the pipeline reads it; the same bytes give the same section ids."""
    return parse(
        file.data,
        document_id=document_id(tag, file.source_uri),
        source_uri=file.source_uri,
        tag=tag,
        content_type=file.content_type,
        options=parse_options(runtime),
    )


def parsed(documents: Sequence[Document], runtime: Runtime) -> list[Parsed]:
    """Return the pages of the manual as the pipeline reads them, with the places of their anchors."""
    return [
        Parsed(document.name, read(runtime, TAG, file), _byte_offsets(document.page.text, document.page.anchors))
        for document, file in zip(documents, files(documents), strict=True)
    ]


def files(documents: Sequence[Document]) -> list[File]:
    """Return the pages of the manual as they are ingested."""
    return [File(document.source_uri, document.page.text.encode()) for document in documents]


def _byte_offsets(text: str, anchors: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    position = size = 0
    for anchor, offset in sorted(anchors.items(), key=lambda item: item[1]):
        size += len(text[position:offset].encode())
        position = offset
        found[anchor] = size
    return found


def ingest(
    runtime: Runtime,
    tag: str,
    documents: Sequence[File],
    read_as: Sequence[ParsedDocument],
    say: Callable[[str], None],
) -> None:
    """Make the dataset hold exactly these documents, `read_as` the pipeline reads them, and check that it does.

    Raises:
        InfrastructureError: a store can't be reached, or the dataset is not what it should be afterwards.
    """
    graph = runtime.graph
    graph.ensure_schema()
    wanted = {document_id(tag, document.source_uri) for document in documents}
    foreign = [i for i in graph.documents_matching(tag) if i not in wanted]
    news = [NewJob(graph.documents([i])[i]["source_uri"], tag, op=Operation.DELETE) for i in foreign]
    for document in documents:
        snapshot = runtime.snapshots.put_stream([document.data])
        news.append(NewJob(document.source_uri, tag, snapshot.sha256, document.content_type, size=snapshot.size))
    sections = {document.source_uri: len(document.sections) for document in read_as}
    total, done, began = sum(sections.values()), 0, time.monotonic()
    for start in range(0, len(news), _AT_ONCE):
        batch = news[start : start + _AT_ONCE]
        _run(runtime, tag, batch)
        done += sum(sections.get(new.source_uri, 0) for new in batch)
        rate = done / max(time.monotonic() - began, 1e-9)
        say(
            f"ingest: {done:,} of {total:,} sections, {rate:,.0f} a second, {(total - done) / max(rate, 1e-9):,.0f} s left"
        )
    counts = graph.counts(tag)
    if (counts["documents"], counts["sections"]) != (len(documents), total):
        raise InfrastructureError(
            f"The dataset {tag} holds {counts['sections']:,} sections of {counts['documents']:,} documents instead of "
            f"{total:,} of {len(documents):,}; remove the evaluation's stack (make eval CLEAN=1) and run it again."
        )


def _run(runtime: Runtime, tag: str, news: Sequence[NewJob]) -> None:
    """Work a few jobs off as one run of the DAG would."""
    ids = [enqueued.job_id for enqueued in intake.accept(runtime, news)]
    run_id = f"eval-{uuid.uuid4().hex}"
    for batch in pipeline.claim(runtime, run_id, tag, ids):
        for stage in STAGES:
            pipeline.run_stage(runtime, stage, run_id, batch)
    for state in runtime.state.jobs.get_many(ids):
        if state.status is not JobStatus.COMPLETED:
            raise InfrastructureError(f"{state.job.source_uri} was not ingested: {state.error or state.status}")
