"""Gathering what a verdict rests on: counts, comparison, sample queries through the real retrieval. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from docgraph.config import IngestConfig
from docgraph.embedding import EmbeddingServers
from docgraph.errors import EmbeddingVersionError, ReadConflictError
from docgraph.model.documents import EmbeddingVersion
from docgraph.model.jobs import JobState
from docgraph.model.verdict import Drift, QueryResult, Reason, ReasonCode, Verdict
from docgraph.parity.compare import Comparison
from docgraph.retrieval import Answer, UnknownDatasetError, search
from docgraph.retrieval.search import readers_version
from docgraph.stores.graph import GraphStore
from docgraph.stores.vectors import VectorStore
from docgraph.verdict import checks
from docgraph.verdict.probes import Probe, live_sections, make_probes

#: Two texts about foreign things, to see that the embedder tells them apart.
FOREIGN_TEXTS = ("Rotate the access key of the storage bucket.", "The heron stood in the shallow water at dawn.")
#: A question that meets a commit each time is asked again this often, this many seconds apart.
CONFLICT_RETRIES, CONFLICT_PAUSE = 5, 1.0


def judge(
    tag: str,
    *,
    graph: GraphStore,
    vectors: VectorStore,
    embedder: EmbeddingServers,
    config: IngestConfig,
    jobs: Sequence[JobState] = (),
    drift: Drift | None,
    changed: Sequence[str] = (),
    embedding_version: str | None = None,
) -> Verdict:
    """Say whether a dataset is fit to be queried, with every reason against it.

    `jobs` are those of the run that just ended, `drift` is what `parity` found (None: nothing was compared), `changed`
    the section ids that the run added. `embedding_version` judges the dataset under that version instead of its readers'.
    A store that is down is no reason but an error: the verdict is asked for again.

    Raises:
        StoreUnavailableError: Neo4j, Qdrant or the embedder can't be reached.
    """
    limits = config.verdict
    numbers = graph.counts(tag)
    reasons = checks.check_documents(tag, numbers["documents"])
    version, wrong = _version(graph, embedder, tag, embedding_version)
    reasons += wrong
    if version is not None:
        foreign = embedder.serving(version.name).embed(FOREIGN_TEXTS)
        reasons += checks.check_vectors([[float(x) for x in vector] for vector in foreign])
    points = vectors.count(version, tag) if version is not None and vectors.exists(version) else 0
    drift = _with_counts(drift, numbers["sections"], points)
    if numbers["documents"]:
        reasons += checks.check_drift(tag, drift, limits)
    reasons += checks.check_jobs(tag, jobs, _live(graph, jobs), numbers["documents"], limits)
    queries: list[QueryResult] = []
    if version is not None and numbers["documents"]:
        reasons += _check_fulltext(graph, tag)
        queries, unasked = _ask(tag, graph, vectors, embedder, config, changed, embedding_version)
        reasons += unasked
        reasons += [reason for result in queries for reason in checks.check_query(tag, result, limits)]
    staged = drift.staged if drift is not None and drift.scope == "dataset" else 0
    counts = {
        "documents": numbers["documents"],
        "sections_graph": numbers["sections"],
        "sections_vectors": max(0, points - staged),
    }
    return Verdict(not reasons, tuple(reasons), drift, tuple(queries), counts)


def drift_of(comparison: Comparison) -> Drift:
    """Return a comparison in the form that verdicts and reports keep."""
    return Drift(
        scope="dataset" if comparison.scope == "dataset" else "run",
        graph_total=comparison.graph_total,
        vector_total=comparison.vector_total,
        missing=tuple(comparison.missing),
        stray=tuple(comparison.stray),
        staged=len(comparison.staged),
        mismatched=tuple(comparison.mismatched),
        broken=tuple(comparison.inconsistent),
        unsettled=tuple(comparison.unsettled),
        checked=comparison.graph_total,
    )


def _version(
    graph: GraphStore, embedder: EmbeddingServers, tag: str, name: str | None
) -> tuple[EmbeddingVersion | None, list[Reason]]:
    try:
        return embedder.serving(name).version if name else readers_version(graph, embedder, tag), []
    except EmbeddingVersionError as error:
        return None, [Reason(ReasonCode.WRONG_EMBEDDING_VERSION, str(error), f"ingestctl reembed --tag={tag}")]
    except UnknownDatasetError:
        # That the dataset has no documents is said already.
        return None, []


def _with_counts(drift: Drift | None, sections: int, points: int) -> Drift | None:
    """Widen what was compared for some documents by the counts of the whole dataset.

    Only a deficit shows by count: a surplus may be staged points of work in progress, which are no drift; strays
    outside the run are found by the audit.
    """
    if drift is None or drift.scope == "dataset":
        return drift
    return replace(drift, graph_total=sections, vector_total=points)


def _live(graph: GraphStore, jobs: Sequence[JobState]) -> set[str]:
    return set(graph.documents(sorted({state.document_id for state in jobs})))


def _check_fulltext(graph: GraphStore, tag: str) -> list[Reason]:
    """Whether the full-text index knows what the graph holds: words of a section that is there must find something."""
    probes = make_probes(graph, tag, (), 1)
    if not probes or graph.fulltext(tag, probes[0].q, 1):
        return []
    message = f"The full-text index finds nothing for “{probes[0].q[:80]}”, although a section begins so; the index has to be built again."
    return [Reason(ReasonCode.FULLTEXT_EMPTY, message, f"ingestctl repair --tag={tag}")]


def _ask(
    tag: str,
    graph: GraphStore,
    vectors: VectorStore,
    embedder: EmbeddingServers,
    config: IngestConfig,
    changed: Sequence[str],
    embedding_version: str | None,
) -> tuple[list[QueryResult], list[Reason]]:
    """Put the configured questions, and probes up to the number that a report shows at least."""
    limits = config.verdict
    configured = config.dataset(tag).sample_queries
    wanted = max(0, limits.probes - len(configured))
    probes = make_probes(graph, tag, changed, wanted) if wanted else []
    results: list[QueryResult] = []
    reasons: list[Reason] = []

    def ask(q: str) -> Answer | None:
        try:
            return _search_patiently(graph, vectors, embedder, q, tag, limits.probe_top, embedding_version)
        except ReadConflictError as error:
            reasons.append(Reason(ReasonCode.VERIFICATION_INCOMPLETE, str(error), f"ingestctl ready --tag={tag}"))
            return None

    for sample in configured:
        answer = ask(sample.q)
        if answer is not None:
            result = QueryResult(sample.q, "config", _top(answer), answer.confidence, ok=False, expect=sample.expect)
            results.append(replace(result, ok=not checks.check_query(tag, result, limits)))
    for probe in probes:
        answer = ask(probe.q)
        if answer is None:
            continue
        came_back = _came_back(graph, probe, answer)
        # Replaced since it was chosen, a section has no right to come back.
        if came_back or live_sections(graph, [probe.section_id]):
            results.append(QueryResult(probe.q, "probe", _top(answer), answer.confidence, ok=came_back))
    return results, reasons


def _search_patiently(
    graph: GraphStore,
    vectors: VectorStore,
    embedder: EmbeddingServers,
    q: str,
    tag: str,
    limit: int,
    embedding_version: str | None,
) -> Answer:
    def ask() -> Answer:
        return search(graph, vectors, embedder, q, tag, limit=limit, related=False, embedding_version=embedding_version)

    for _ in range(CONFLICT_RETRIES):
        try:
            return ask()
        except ReadConflictError:
            time.sleep(CONFLICT_PAUSE)
    return ask()


def _top(answer: Answer) -> tuple[dict[str, Any], ...]:
    return tuple(evidence.as_json() for evidence in answer.evidence)


def _came_back(graph: GraphStore, probe: Probe, answer: Answer) -> bool:
    """Whether the probe's section is among the hits, or one with the very same text."""
    ids = [evidence.section_id for evidence in answer.evidence]
    return probe.section_id in ids or any(s.text_hash == probe.text_hash for s in graph.sections(ids).values())
