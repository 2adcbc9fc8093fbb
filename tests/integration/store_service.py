"""The sidecar as a process on the session's real stores, and documents brought through the pipeline without Airflow."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.service_process import TOKEN, Sidecar

from docgraph import intake, pipeline
from docgraph.intake import NewJob
from docgraph.model.documents import EmbeddingVersion
from docgraph.model.jobs import STAGES, JobState, Operation
from docgraph.runtime import Runtime
from docgraph.settings import Settings

Ingest = Callable[..., list[JobState]]


def store_environment(settings: Settings, home: Path) -> dict[str, str]:
    """What tells a sidecar in `home` where the session's stores are."""
    return {
        "DOCGRAPH_TOKEN": TOKEN,
        "DOCGRAPH_NEO4J_URI": settings.neo4j_uri,
        "DOCGRAPH_NEO4J_USER": settings.neo4j_user,
        "DOCGRAPH_NEO4J_PASSWORD": settings.neo4j_password,
        "DOCGRAPH_QDRANT_URL": settings.qdrant_url,
        "DOCGRAPH_QDRANT_API_KEY": settings.qdrant_api_key or "",
        "DOCGRAPH_EMBEDDINGS_URL": settings.embeddings_url,
        "DOCGRAPH_EMBEDDINGS_API_KEY": settings.embeddings_api_key or "",
        "DOCGRAPH_ARTIFACTS_ROOT": str(settings.artifacts_root),
        "DOCGRAPH_SNAPSHOTS_ROOT": str(settings.snapshots_root),
        "DOCGRAPH_WATCH_ROOT": str(home / "ingest" / "watch"),
    }


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, settings: Settings, session_runtime: Runtime
) -> Iterator[Sidecar]:
    """A sidecar on the session's stores; Airflow is away."""
    session_runtime.vectors.ensure(session_runtime.embedding_version)
    home = tmp_path_factory.mktemp("home")
    made = Sidecar(home, settings.redis_url, store_environment(settings, home))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def watch_root(service: Sidecar) -> Path:
    """The watch folder of the sidecar."""
    root = Path(service.environment["DOCGRAPH_WATCH_ROOT"])
    root.mkdir(parents=True, exist_ok=True)
    return root


@pytest.fixture
def ingest(runtime: Runtime, version: EmbeddingVersion, tag: str) -> Ingest:
    """Bring documents (name → text, or None to delete) through all stages in one run; returns the jobs' last states."""
    return bring(runtime, tag)


def bring(runtime: Runtime, tag: str) -> Ingest:
    """Return what brings documents of a dataset through all stages, as the fixture `ingest` does."""

    def run(**documents: str | bytes | None) -> list[JobState]:
        news = []
        for name, content in documents.items():
            uri = f"upload:///{name}.md"
            if content is None:
                news.append(NewJob(uri, tag, op=Operation.DELETE))
                continue
            data = content.encode() if isinstance(content, str) else content
            snapshot = runtime.snapshots.put_stream([data])
            news.append(NewJob(uri, tag, snapshot.sha256, size=snapshot.size))
        ids = [enqueued.job_id for enqueued in intake.accept(runtime, news)]
        run_id = f"test-{uuid.uuid4().hex}"
        for batch in pipeline.claim(runtime, run_id, tag, ids):
            for stage in STAGES:
                pipeline.run_stage(runtime, stage, run_id, batch)
        return runtime.state.jobs.get_many(ids)

    return run
