"""Gathering what a verdict rests on: counts, comparison, sample queries through the real retrieval. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from docgraph.domain.errors import EmbeddingVersionError, ReadConflictError
from docgraph.domain.jobs import JobState
from docgraph.domain.retries import RetryPolicy
from docgraph.domain.verdict import Drift, QueryResult, Reason, ReasonCode, Verdict
from docgraph.integrity.comparison import Comparison
from docgraph.integrity.recompute import recompute
from docgraph.model_servers import Embedder, EmbeddingServers
from docgraph.readiness import checks
from docgraph.readiness.probes import came_back, candidates, make_probes
from docgraph.retrieval import Answer, UnknownDatasetError
from docgraph.retrieval.search import Asked, ask_many, readers_embedder
from docgraph.runtime.config import IngestConfig
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.views import SectionText
from docgraph.stores.vectors import VectorStore

#: Two texts about foreign things, to see that the embedder tells them apart.
FOREIGN_TEXTS = ("Rotate the access key of the storage bucket.", "The heron stood in the shallow water at dawn.")
#: Questions that meet a commit each time are asked again.
CONFLICT_RETRIES = RetryPolicy(attempts=6, first_pause=1.0, growth=1.0)
#: Hits among which a probe's section is looked for, because its near-duplicates don't count; as deep as readers' pools reach.
PROBE_DEPTH = 25
#: Vectors that are computed again for a verdict, and how many of them are of the longest texts.
RECOMPUTED, LONGEST = 8, 2


@dataclass(frozen=True, slots=True)
class AlreadyRead:
    """What the caller of `judge` has read of the dataset already; None is read again."""

    counts: Mapping[str, int] | None = None
    #: The dataset's node.
    dataset: Mapping[str, Any] | None = None
    #: Those of the jobs' documents that readers can see.
    live: frozenset[str] | None = None


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
    known: AlreadyRead = AlreadyRead(),
) -> Verdict:
    """Say whether a dataset is fit to be queried, with every reason against it.

    `jobs` are those of the run that just ended, `drift` is what `parity` found (None: nothing was compared), `changed`
    the section ids that the run added. `embedding_version` judges the dataset under that version instead of its readers'.
    A store that is down is no reason but an error: the verdict is asked for again.

    Raises:
        StoreUnavailableError: Neo4j, Qdrant or the embedder can't be reached.
    """
    limits = config.verdict
    numbers = known.counts or graph.counts(tag)
    reasons = checks.check_documents(tag, numbers["documents"])
    own, wrong = _embedder(graph, embedder, tag, embedding_version, known.dataset)
    reasons += wrong
    version = own.version if own is not None else None
    if own is not None:
        foreign = own.embed(FOREIGN_TEXTS)
        reasons += checks.check_vectors([[float(x) for x in vector] for vector in foreign])
    points = vectors.count(version, tag) if version is not None else 0
    # A deletion between the two counts is no deficit: after the second look at the graph it shows there too.
    if drift is not None and drift.scope != "dataset":
        drift = _with_counts(drift, min(numbers["sections"], graph.counts(tag)["sections"]), points)
    if numbers["documents"]:
        reasons += checks.check_drift(tag, drift, limits)
    reasons += checks.check_jobs(
        tag, jobs, _live(graph, jobs) if known.live is None else known.live, numbers["documents"], limits
    )
    queries: list[QueryResult] = []
    if own is not None and version is not None and numbers["documents"]:
        words = graph.fulltext_count(tag)
        reasons += checks.check_fulltext(tag, words)
        tried = candidates(graph, tag, changed, max(RECOMPUTED, limits.probes))
        texts = {section.section_id: section for section in tried}
        reasons += checks.check_recomputed(tag, recompute(graph, vectors, own, _sample(tried), texts=texts))
        # Without one of its two arms nothing can be asked, and that one is unavailable is said already.
        if (words is None or words.online) and (points or vectors.exists(version)):
            queries, unasked = _ask(tag, graph, vectors, own, config, _to_ask_for(tried, changed, limits.probes))
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


def _embedder(
    graph: GraphStore, embedder: EmbeddingServers, tag: str, name: str | None, dataset: Mapping[str, Any] | None
) -> tuple[Embedder | None, list[Reason]]:
    try:
        return embedder.serving(name) if name else readers_embedder(graph, embedder, tag, dataset), []
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
    embedder: Embedder,
    config: IngestConfig,
    tried: Sequence[SectionText],
) -> tuple[list[QueryResult], list[Reason]]:
    """Put the configured questions, and probes up to the number that a report shows at least, all of them at once."""
    limits = config.verdict
    configured = config.dataset(tag).sample_queries
    probes = make_probes(tried, max(0, limits.probes - len(configured)))
    questions = [*(sample.q for sample in configured), *(probe.q for probe in probes)]
    if not questions:
        return [], []
    depth = max(PROBE_DEPTH, limits.probe_top)
    try:
        asked = _ask_patiently(graph, vectors, embedder, questions, tag, depth)
    except ReadConflictError as error:
        return [], [Reason(ReasonCode.VERIFICATION_INCOMPLETE, str(error), f"ingestctl ready --tag={tag}")]
    results: list[QueryResult] = []
    for sample, own in zip(configured, asked, strict=False):
        top = _top(own.answer, limits.probe_top)
        result = QueryResult(sample.q, "config", top, own.answer.confidence, ok=False, expect=sample.expect)
        results.append(replace(result, ok=not checks.check_query(tag, result, limits)))
    for probe, own in zip(probes, asked[len(configured) :], strict=True):
        found = came_back(probe, own.sections, limits.probe_top, depth)
        # Replaced since it was chosen, a section has no right to come back.
        if found or graph.live_sections([probe.section_id]):
            top = _top(own.answer, limits.probe_top)
            results.append(QueryResult(probe.q, "probe", top, own.answer.confidence, ok=found))
    return results, []


def _ask_patiently(
    graph: GraphStore, vectors: VectorStore, embedder: Embedder, questions: Sequence[str], tag: str, limit: int
) -> list[Asked]:
    return CONFLICT_RETRIES.call(
        lambda: ask_many(graph, vectors, embedder, questions, tag, limit=limit),
        error=lambda error: isinstance(error, ReadConflictError),
    )


def _top(answer: Answer, count: int) -> tuple[dict[str, Any], ...]:
    return tuple(evidence.as_json() for evidence in answer.evidence[:count])
