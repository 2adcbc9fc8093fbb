"""Whether a dataset is fit to be queried: what was compared, what was asked, and each reason against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from docgraph.domain.protocol import drift_pct


class ReasonCode(StrEnum):
    """Why a dataset is not ready. The codes are a contract: reports, `/ready` and scripts carry them."""

    DRIFT_ABOVE_LIMIT = "drift_above_limit"
    MISSING_VECTORS = "missing_vectors"
    STRAY_VECTORS = "stray_vectors"
    MISMATCHED = "mismatched"
    QUERY_WITHOUT_EVIDENCE = "query_without_evidence"
    QUERY_EXPECTATION_MISSED = "query_expectation_missed"
    LOW_CONFIDENCE = "low_confidence"
    FAILED_SHARE = "failed_share"
    EMBEDDER_BROKEN = "embedder_broken"
    FULLTEXT_EMPTY = "fulltext_empty"
    WRONG_EMBEDDING_VERSION = "wrong_embedding_version"
    WOULD_TRUNCATE = "would_truncate"
    NO_DOCUMENTS = "no_documents"
    VERIFICATION_INCOMPLETE = "verification_incomplete"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against readiness: a sentence with its figures, and the command that repairs it."""

    code: ReasonCode
    message: str
    command: str

    def as_json(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"code": self.code.value, "message": self.message, "command": self.command}


@dataclass(frozen=True, slots=True)
class Drift:
    """What a comparison of graph and vectors found, as section ids.

    `graph_total` counts the ids in generations, `vector_total` the points that are not staged; staged points are above
    their document's fence, seen by nobody and no drift. `checked` counts the ids that were compared one by one: in the
    scope `run` that is fewer than the dataset has.
    """

    scope: str
    graph_total: int
    vector_total: int
    missing: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()
    staged: int = 0
    mismatched: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    checked: int = 0

    @property
    def deficit(self) -> int:
        """How many vectors fewer than sections there are by count; 0 where every id was compared, which says more."""
        return max(0, self.graph_total - self.vector_total) if self.checked < self.graph_total else 0

    @property
    def pct(self) -> float:
        """Drift in percent: `100 · |missing ∪ stray ∪ mismatched ∪ broken| / |graph ids|`, and no less than the deficit by count."""
        by_id = drift_pct([*self.missing, *self.mismatched, *self.broken], self.stray, self.graph_total)
        by_count = 100.0 * self.deficit / self.graph_total if self.graph_total else 0.0
        return max(by_id, by_count)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A question that was put through the real retrieval. `top_evidence` is evidence in its JSON form."""

    q: str
    source: str
    top_evidence: tuple[Mapping[str, Any], ...]
    confidence: float
    ok: bool
    expect: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        expected = {} if self.expect is None else {"expect": self.expect}
        return {
            "q": self.q,
            "source": self.source,
            "top_evidence": [dict(evidence) for evidence in self.top_evidence],
            "confidence": round(self.confidence, 4),
            "ok": self.ok,
            **expected,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ready, or each reason why not; with what it rests on. `counts` has documents, sections_graph, sections_vectors."""

    ready: bool
    reasons: tuple[Reason, ...]
    drift: Drift | None
    queries: tuple[QueryResult, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """The last verdict on a dataset as health checks, searches and lists find it: "is the dataset ready?" without asking a store.

    `fields` is what is kept in Redis and goes over HTTP, with what other versions of docgraph add.
    """

    fields: Mapping[str, str]

    @classmethod
    def of(cls, verdict: Verdict, report_id: str, at: str) -> LastVerdict:
        """Return a verdict in the form that is kept; `at` is RFC 3339."""
        return cls(
            {
                "ready": "true" if verdict.ready else "false",
                "reasons": ", ".join(reason.code for reason in verdict.reasons),
                "report": report_id,
                "drift_pct": "" if verdict.drift is None else f"{verdict.drift.pct:.4f}",
                "documents": str(verdict.counts.get("documents", 0)),
                "sections": str(verdict.counts.get("sections_graph", 0)),
                "at": at,
            }
        )

    @property
    def ready(self) -> bool:
        """Whether the dataset was fit to be queried."""
        return self.fields.get("ready") == "true"

    @property
    def reasons(self) -> str:
        """What spoke against it: codes with commas between them, or that none was given."""
        return self.fields.get("reasons") or "no reason given"

    @property
    def report(self) -> str:
        """The report's id; empty where there is none."""
        return self.fields.get("report", "")

    @property
    def judged_at(self) -> str:
        """When it was judged (RFC 3339); empty where that is not known."""
        return self.fields.get("at", "")

    @property
    def drift_pct(self) -> str:
        """Drift in percent, as a decimal number; empty where nothing was compared."""
        return self.fields.get("drift_pct", "")
