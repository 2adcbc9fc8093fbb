"""Work as the sidecar and Airflow give it out, without them: documents are asked for, and jobs brought through the stages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from docgraph.domain.jobs import STAGES, Operation
from docgraph.ingest import intake, pipeline
from docgraph.ingest.intake import NewJob
from docgraph.runtime.connections import Runtime

#: What a document is asked to be; None: to be deleted.
Content = str | bytes | None


def uri_of(name: str) -> str:
    """The address of a document of this name."""
    return f"upload:///{name}.md"


def ask(runtime: Runtime, tag: str, documents: Mapping[str, Content]) -> list[str]:
    """Ask for documents (name → content) to be this; returns the ids of the jobs."""
    news = []
    for name, content in documents.items():
        if content is None:
            news.append(NewJob(uri_of(name), tag, op=Operation.DELETE))
            continue
        snapshot = runtime.snapshots.put_stream([content.encode() if isinstance(content, str) else content])
        news.append(NewJob(uri_of(name), tag, snapshot.sha256, size=snapshot.size))
    return [enqueued.job_id for enqueued in intake.accept(runtime, news)]


def work_off(
    runtime: Runtime,
    tag: str,
    job_ids: Sequence[str] | None = None,
    *,
    stages: Sequence[str] = STAGES,
    run_id: str = "",
) -> str:
    """Let one run claim these jobs of the dataset, or all that are queued, and bring them through stages; returns the run's id."""
    run_id = run_id or f"test-{uuid.uuid4().hex}"
    for batch in pipeline.claim(runtime, run_id, tag, job_ids):
        for stage in stages:
            pipeline.run_stage(runtime, stage, run_id, batch)
    return run_id
