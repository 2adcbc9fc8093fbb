"""The sidecar as a process on the session's real stores, and documents brought through the pipeline without Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import JobState
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from support.integration.service_process import TOKEN, Sidecar
from support.integration.work import Content, ask, work_off

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
    """A sidecar on the session's stores; Airflow is unavailable."""
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

    def run(**documents: Content) -> list[JobState]:
        ids = ask(runtime, tag, documents)
        work_off(runtime, tag, ids)
        return runtime.state.jobs.get_many(ids)

    return run
