"""Gathering what a verdict rests on: counts, comparison, sample queries through the real retrieval. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import EmbeddingVersionError, ReadConflictError
from docgraph.domain.jobs import JobState
from docgraph.domain.verdict import Drift, QueryResult, Reason, ReasonCode, Verdict
from docgraph.integrity.comparison import Comparison
from docgraph.integrity.recompute import recompute
from docgraph.model_servers import EmbeddingServers
from docgraph.readiness import checks
from docgraph.readiness.probes import Probe, came_back, candidates, live_sections, make_probes
from docgraph.retrieval import Answer, UnknownDatasetError, search
from docgraph.retrieval.search import readers_version
from docgraph.runtime.config import IngestConfig
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.reading import SectionText
from docgraph.stores.vectors import VectorStore

#: Two texts about foreign things, to see that the embedder tells them apart.
FOREIGN_TEXTS = ("Rotate the access key of the storage bucket.", "The heron stood in the shallow water at dawn.")
#: A question that meets a commit each time is asked again this often, this many seconds apart.
CONFLICT_RETRIES, CONFLICT_PAUSE = 5, 1.0
#: Hits among which a probe's section is looked for, because its near-duplicates don't count; as deep as readers' pools reach.
PROBE_DEPTH = 25
#: Vectors that are computed again for a verdict, and how many of them are of the longest texts.
RECOMPUTED, LONGEST = 8, 2


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
    points = vectors.count(version, tag) if version is not None else 0
    # A deletion between the two counts is no deficit: after the second look at the graph it shows there too.
    if drift is not None and drift.scope != "dataset":
        drift = _with_counts(drift, min(numbers["sections"], graph.counts(tag)["sections"]), points)
    if numbers["documents"]:
        reasons += checks.check_drift(tag, drift, limits)
    reasons += checks.check_jobs(tag, jobs, _live(graph, jobs), numbers["documents"], limits)
    queries: list[QueryResult] = []
    if version is not None and numbers["documents"]:
        words = graph.fulltext_count(tag)
        reasons += checks.check_fulltext(tag, words)
        tried = candidates(graph, tag, changed, max(RECOMPUTED, limits.probes))
        reasons += checks.check_recomputed(
            tag, recompute(graph, vectors, embedder.serving(version.name), _sample(tried))
        )
        # Without one of its two arms nothing can be asked, and that one is away is said already.
        if (words is None or words.online) and (points or vectors.exists(version)):
            queries, unasked = _ask(
                tag, graph, vectors, embedder, config, _to_ask_for(tried, changed, limits.probes), embedding_version
            )
            reasons += unasked
            reasons += [reason for result in queries for reason in checks.check_query(tag, result, limits)]
    # Where each id was compared, the totals are of one moment, without what was staged.
    compared = drift if drift is not None and drift.scope == "dataset" else None
    counts = {
        "documents": numbers["documents"],
        "sections_graph": compared.graph_total if compared else numbers["sections"],
        "sections_vectors": compared.vector_total if compared else points,
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


def _with_counts(drift: Drift, sections: int, points: int) -> Drift:
    """Widen what was compared for some documents by the counts of the whole dataset.

    Only a deficit shows by count: a surplus may be staged points of work in progress, which are no drift; strays
    outside the run are found by the audit.
    """
    return replace(drift, graph_total=sections, vector_total=points)


def _live(graph: GraphStore, jobs: Sequence[JobState]) -> set[str]:
    return set(graph.documents(sorted({state.document_id for state in jobs})))


def _to_ask_for(tried: Sequence[SectionText], changed: Sequence[str], probes: int) -> list[SectionText]:
    """Choose the sections that probes are made from: those that the run changed where they are enough."""
    wanted = set(changed)
    own = [section for section in tried if section.section_id in wanted]
    return own if len(own) >= probes else list(tried)


def _sample(tried: Sequence[SectionText]) -> list[str]:
    """Choose the sections whose vectors are computed again: of those that the run changed, else of the dataset's.

    The longest ones are among them, because a text that the model cuts is a long one.
    """
    longest = sorted(tried, key=lambda s: (-len(s.text), s.section_id))[:LONGEST]
    return [s.section_id for s in {s.section_id: s for s in (*longest, *tried)}.values()][:RECOMPUTED]


def _ask(
    tag: str,
    graph: GraphStore,
    vectors: VectorStore,
    embedder: EmbeddingServers,
    config: IngestConfig,
    tried: Sequence[SectionText],
    embedding_version: str | None,
) -> tuple[list[QueryResult], list[Reason]]:
    """Put the configured questions, and probes up to the number that a report shows at least."""
    limits = config.verdict
    configured = config.dataset(tag).sample_queries
    wanted = max(0, limits.probes - len(configured))
    probes = make_probes(tried, wanted)
    depth = max(PROBE_DEPTH, limits.probe_top)
    results: list[QueryResult] = []
    reasons: list[Reason] = []

    def ask(q: str, limit: int) -> Answer | None:
        try:
            return _search_patiently(graph, vectors, embedder, q, tag, limit, embedding_version)
        except ReadConflictError as error:
            reasons.append(Reason(ReasonCode.VERIFICATION_INCOMPLETE, str(error), f"ingestctl ready --tag={tag}"))
            return None

    for sample in configured:
        answer = ask(sample.q, limits.probe_top)
        if answer is not None:
            result = QueryResult(sample.q, "config", _top(answer), answer.confidence, ok=False, expect=sample.expect)
            results.append(replace(result, ok=not checks.check_query(tag, result, limits)))
    for probe in probes:
        answer = ask(probe.q, depth)
        if answer is None:
            continue
        found = _came_back(graph, probe, answer, limits.probe_top, depth)
        # Replaced since it was chosen, a section has no right to come back.
        if found or live_sections(graph, [probe.section_id]):
            top = _top(answer)[: limits.probe_top]
            results.append(QueryResult(probe.q, "probe", top, answer.confidence, ok=found))
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


def _came_back(graph: GraphStore, probe: Probe, answer: Answer, top: int, depth: int) -> bool:
    """Whether the probe's section is among the first `top` hits, not counting those that answer the probe as well as it does."""
    ids = [evidence.section_id for evidence in answer.evidence]
    sections = graph.sections(ids)
    return came_back(probe, [sections[i] for i in ids if i in sections], top, depth)
