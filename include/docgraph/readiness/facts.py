"""What every report states beside its verdict: what is known of the dataset, its links, and the versions of what made it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any

from docgraph import __version__
from docgraph.domain.jobs import JobState
from docgraph.domain.site_routes import LinkCounts
from docgraph.domain.verdict import Verdict
from docgraph.ingest.work import pipeline_version
from docgraph.readiness.judgement import AlreadyRead
from docgraph.readiness.report.building import IDS_SHOWN
from docgraph.runtime.connections import Runtime

_PACKAGES = {"airflow": "apache-airflow-core", "neo4j_driver": "neo4j", "qdrant_client": "qdrant-client"}


def read_dataset(runtime: Runtime, tag: str) -> AlreadyRead:
    """Read what several steps of a report ask about a dataset."""
    dataset, counts = runtime.graph.dataset_with_counts(tag)
    return AlreadyRead(counts=counts, dataset=dataset)


def links(runtime: Runtime, tag: str, verdict: Verdict, jobs: Sequence[JobState] | None = None) -> LinkCounts:
    """Count the links of the dataset, or, where it is large and a run ended, those of the run's documents."""
    documents = None
    if verdict.counts.get("sections_graph", 0) > runtime.config.verdict.full_compare_sections:
        own = [] if jobs is None else [state.document_id for state in jobs if state.document_id]
        documents = runtime.graph.documents_matching(tag) if jobs is None else list(dict.fromkeys(own))
    return runtime.graph.link_counts(tag, documents, sites=runtime.config.dataset(tag).published)


def withheld(runtime: Runtime, tag: str) -> list[dict[str, Any]]:
    """Return the dataset's documents whose originals have gone and that stay until a person decides, by source."""
    found = []
    for each in runtime.state.withheld.all():
        uris = sorted(uri for uri, own in each.removed.items() if own == tag)
        if uris:
            found.append(
                {
                    "source": each.source,
                    "documents": len(uris),
                    "first": uris[:IDS_SHOWN],
                    "since": each.since,
                    "decision": each.decision.value,
                    "decided_by": each.decided_by,
                    "plan_id": each.plan_id,
                }
            )
    return found


def versions(runtime: Runtime, known: AlreadyRead) -> dict[str, str]:
    """Return the versions of docgraph, of its pipeline, of the dataset's embedding and of the libraries that talk to others."""
    name = (known.dataset or {}).get("embedding_version") or runtime.embedding_version.name
    models = {version.name: version.model for version in runtime.embedder.served()}
    found = {
        "docgraph": __version__,
        "pipeline": pipeline_version(runtime).digest,
        "embedding_version": name,
        "embedding_model": models.get(name, "served by no embedding server"),
        "embedding_engine": runtime.embedder.engine(name) or "not known",
    }
    for name, package in _PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed here"
    return found
