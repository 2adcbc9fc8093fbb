"""What speaks against a dataset, each check by itself: figures in, reasons out. Pure; `judge` gathers the figures.

How a failed job counts: it fails its run and shows in the run's exit code whatever the verdict is. The verdict is about
the data, so it counts *documents*, not jobs: those whose newest job in the run failed, as a share of the dataset's
documents (the live ones, and the failed ones that never became live). One bad file among three is a third of the dataset
missing and makes it not ready at 1 %; one among a thousand doesn't. A document that failed but is live with older
content counts as failed too: readers see something that its source no longer says. Cancelled jobs don't count: they were
stopped on purpose.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection, Sequence

from docgraph.domain.errors import TextLostError
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.domain.verdict import Drift, QueryResult, Reason, ReasonCode
from docgraph.integrity.recompute import Recomputed
from docgraph.model_servers.client import EmbeddingInputError
from docgraph.runtime.config import VerdictConfig
from docgraph.stores.graph.auditing import FulltextCount

#: Two texts about different things are never this similar; an embedder that says so gives constant vectors.
BROKEN_COSINE = 0.999
#: Vectors are normalised by the client; a length further from 1 than this is no rounding.
LENGTH_TOLERANCE = 1e-3
#: Codes of errors that are never the document's fault: the splitter made a section too long, or lost text.
_CUT = frozenset({EmbeddingInputError.code, TextLostError.code})
_IDS_SHOWN = 3


def check_documents(tag: str, documents: int) -> list[Reason]:
    """Nothing to query."""
    if documents:
        return []
    return [
        Reason(
            ReasonCode.NO_DOCUMENTS,
            f"The dataset {tag!r} has no document, so there is nothing to find.",
            f"ingestctl ingest PATH --tag={tag}",
        )
    ]


def check_drift(tag: str, drift: Drift | None, limits: VerdictConfig) -> list[Reason]:
    """Graph and vectors hold different sets, or were not compared.

    Whatever was found by its id is a reason at any number: it stood there in two looks at a document that did not move,
    so it is no work in progress, and it is known what has to be repaired. The limit is for the two exact counts of what
    was not compared by id, which say that something is missing and not what.
    """
    repair = f"ingestctl repair --tag={tag}"
    if drift is None:
        return [Reason(ReasonCode.VERIFICATION_INCOMPLETE, "Graph and vectors were not compared.", repair)]
    reasons = []
    if drift.unsettled:
        message = (
            f"{len(drift.unsettled)} documents kept changing while they were compared ({_some(drift.unsettled)}); "
            "wait until nothing is being ingested into them."
        )
        reasons.append(Reason(ReasonCode.VERIFICATION_INCOMPLETE, message, repair))
    if drift.mismatched:
        message = f"{len(drift.mismatched)} vectors don't belong to their section's text ({_some(drift.mismatched)})."
        reasons.append(Reason(ReasonCode.MISMATCHED, message, repair))
    if drift.broken:
        message = (
            f"{len(drift.broken)} sections of the graph are named by a document but absent, or present but named by none "
            f"({_some(drift.broken)})."
        )
        reasons.append(Reason(ReasonCode.MISMATCHED, message, repair))
    above = drift.pct > limits.max_drift_pct
    if above:
        message = (
            f"Graph ({drift.graph_total:,} sections) and vectors ({drift.vector_total:,}) differ by {drift.pct:.2f} %; "
            f"the limit is {limits.max_drift_pct:g} %."
        )
        reasons.append(Reason(ReasonCode.DRIFT_ABOVE_LIMIT, message, repair))
    missing = max(len(drift.missing), drift.deficit if above else 0)
    if missing:
        which = f" ({_some(drift.missing)})" if drift.missing else ""
        message = f"{missing:,} sections have no vector{which}: similarity can't find them."
        reasons.append(Reason(ReasonCode.MISSING_VECTORS, message, repair))
    if drift.stray:
        message = f"{len(drift.stray):,} vectors belong to no section ({_some(drift.stray)}): they crowd out real hits."
        reasons.append(Reason(ReasonCode.STRAY_VECTORS, message, repair))
    return reasons


def check_jobs(
    tag: str, jobs: Sequence[JobState], live: Collection[str], documents: int, limits: VerdictConfig
) -> list[Reason]:
    """Too many documents failed, or jobs have not ended. `live` are those of the jobs' documents that readers can see."""
    reasons = []
    newest = {state.document_id: state for state in sorted(jobs, key=lambda s: (s.job.version, s.job.created_at))}
    failed = sorted(document for document, state in newest.items() if state.status is JobStatus.FAILED)
    never_live = [document for document in failed if document not in live]
    total = documents + len(never_live)
    if failed and len(failed) / total > limits.max_failed_share:
        addresses = [newest[document].job.source_uri for document in failed]
        message = (
            f"{len(failed):,} of {total:,} documents failed ({100 * len(failed) / total:.1f} %, the limit is "
            f"{100 * limits.max_failed_share:g} %): {_some(addresses)}."
        )
        reasons.append(Reason(ReasonCode.FAILED_SHARE, message, f"ingestctl status --tag={tag} --status=failed"))
    cut = [newest[document] for document in failed if newest[document].error_code in _CUT]
    if cut:
        message = (
            f"{len(cut):,} documents were not split into sections that the embedding model reads whole "
            f"({_some([state.job.source_uri for state in cut])}); the errors of their jobs say where."
        )
        reasons.append(Reason(ReasonCode.WOULD_TRUNCATE, message, f"ingestctl status --tag={tag} --status=failed"))
    open_jobs = [state for state in newest.values() if not state.status.is_final]
    if open_jobs:
        message = f"{len(open_jobs):,} jobs of the run have not ended ({_some([s.job.job_id for s in open_jobs])})."
        reasons.append(Reason(ReasonCode.VERIFICATION_INCOMPLETE, message, f"ingestctl status --tag={tag}"))
    return reasons


def check_vectors(pair: Sequence[Sequence[float]]) -> list[Reason]:
    """The embedder gives vectors that mean nothing: constant, not finite, or of no length. `pair` embeds two foreign texts."""
    first, second = pair
    lengths = [math.sqrt(sum(x * x for x in vector)) for vector in pair]
    command = "ingestctl ready"
    if not all(math.isfinite(length) and abs(length - 1) <= LENGTH_TOLERANCE for length in lengths):
        message = (
            f"The embedder gives vectors of length {lengths[0]:.3g} and {lengths[1]:.3g} instead of 1; restart it."
        )
        return [Reason(ReasonCode.EMBEDDER_BROKEN, message, command)]
    cosine = sum(a * b for a, b in zip(first, second, strict=True))
    if cosine > BROKEN_COSINE:
        message = (
            f"The embedder gives two unrelated texts the same vector (cosine {cosine:.4f}), so similarity means nothing; "
            "restart it, then ingest what it embedded again."
        )
        return [Reason(ReasonCode.EMBEDDER_BROKEN, message, command)]
    return []


def check_recomputed(tag: str, recomputed: Recomputed) -> list[Reason]:
    """A sample of vectors is not what the embedder makes of the texts, or it can't read the texts whole."""
    reasons = []
    if recomputed.foreign:
        message = (
            f"{len(recomputed.foreign)} of {len(recomputed.checked)} vectors that were computed again are not those of their "
            f"section's text ({_some(recomputed.foreign)}): a broken embedder made them, or another model."
        )
        reasons.append(Reason(ReasonCode.MISMATCHED, message, f"ingestctl repair --tag={tag}"))
    if recomputed.too_long:
        message = (
            f"{len(recomputed.too_long)} of {len(recomputed.checked)} sections are longer than the embedding model reads "
            f"({_some(recomputed.too_long)}), so their ends can't be found: sections are not split for this model."
        )
        reasons.append(Reason(ReasonCode.WOULD_TRUNCATE, message, "ingestctl ready"))
    return reasons


def check_fulltext(tag: str, count: FulltextCount | None) -> list[Reason]:
    """The full-text index does not know all that the graph holds. None: the graph did not stand still to be counted."""
    if count is None or count.in_step:
        return []
    message = (
        f"The full-text index finds {count.indexed:,} of {count.nodes:,} sections; it has to be built again."
        if count.online
        else "The full-text index is absent or still being built, so no words can be looked for."
    )
    return [Reason(ReasonCode.FULLTEXT_EMPTY, message, f"ingestctl repair --tag={tag}")]


def check_query(tag: str, result: QueryResult, limits: VerdictConfig) -> list[Reason]:
    """A sample query brought nothing, not what was expected, or nothing one could trust.

    The confidence of probes is not judged: they are made to find a section again, not to be questions.
    """
    command = f"ingestctl search {shlex.quote(result.q)} --tag={tag}"
    if not result.top_evidence:
        message = f"The question “{_short(result.q)}” brought no evidence."
        return [Reason(ReasonCode.QUERY_WITHOUT_EVIDENCE, message, command)]
    reasons = []
    if result.source == "probe" and not result.ok:
        message = f"The section that the probe “{_short(result.q)}” was made from did not come back in the top {limits.probe_top}."
        reasons.append(Reason(ReasonCode.QUERY_EXPECTATION_MISSED, message, command))
    if result.source == "config":
        if result.expect is not None and not meets(result.expect, result):
            message = (
                f"The question “{_short(result.q)}” did not bring {result.expect!r} in its top {limits.probe_top}."
            )
            reasons.append(Reason(ReasonCode.QUERY_EXPECTATION_MISSED, message, command))
        if result.confidence < limits.min_confidence:
            message = (
                f"The question “{_short(result.q)}” is answered with confidence {result.confidence:.2f}; "
                f"the limit is {limits.min_confidence:g}."
            )
            reasons.append(Reason(ReasonCode.LOW_CONFIDENCE, message, command))
    return reasons


def meets(expect: str, result: QueryResult) -> bool:
    """Whether one of the top hits comes from the expected place: part of its address, title or heading path, any case."""
    wanted = expect.lower()
    return any(
        wanted in text.lower()
        for evidence in result.top_evidence
        for text in (evidence["source_uri"], evidence["document"], " > ".join(evidence["heading_path"]))
    )


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:_IDS_SHOWN])
    return shown if len(items) <= _IDS_SHOWN else f"{shown} and {len(items) - _IDS_SHOWN:,} more"


def _short(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
