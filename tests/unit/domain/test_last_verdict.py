"""The one form of "is the dataset ready?", between a report's verdict, Redis, HTTP and its readers."""

from __future__ import annotations

from docgraph.api.health import DatasetReadiness
from docgraph.domain.verdict import Drift, LastVerdict, Reason, ReasonCode, Verdict

AT = "2026-11-27T20:00:00Z"


def verdict(*codes: ReasonCode) -> Verdict:
    reasons = tuple(Reason(code, "message", "action") for code in codes)
    drift = Drift(scope="dataset", graph_total=200, vector_total=199, missing=("a",), checked=200)
    counts = {"documents": 3, "sections_graph": 200, "sections_vectors": 199}
    return Verdict(not reasons, reasons, drift, (), counts)


def test_what_is_kept_of_a_verdict_is_what_its_readers_see() -> None:
    kept = LastVerdict.of(verdict(ReasonCode.NO_DOCUMENTS, ReasonCode.MISSING_VECTORS), "r1", AT)
    assert kept.fields == {
        "ready": "false",
        "reasons": f"{ReasonCode.NO_DOCUMENTS}, {ReasonCode.MISSING_VECTORS}",
        "report": "r1",
        "drift_pct": "0.5000",
        "documents": "3",
        "sections": "200",
        "at": AT,
    }
    assert (kept.ready, kept.report, kept.judged_at, kept.drift_pct) == (False, "r1", AT, "0.5000")
    assert LastVerdict.of(verdict(), "r1", AT).ready


def test_fields_that_another_version_did_not_write_are_no_error_and_not_ready() -> None:
    bare = LastVerdict({"later": "field"})
    assert not bare.ready
    assert (bare.reasons, bare.report, bare.judged_at, bare.drift_pct) == ("no reason given", "", "", "")


def test_the_answer_over_http_carries_the_same_verdict() -> None:
    kept = LastVerdict.of(verdict(), "r1", AT)
    answer = DatasetReadiness(ready=True, checks={}, dataset=dict(kept.fields), embedding=None)
    assert DatasetReadiness.model_validate(answer.as_json()).last_verdict == kept
    assert "last_verdict" not in answer.as_json()
    assert DatasetReadiness(ready=False, checks={}, dataset=None, embedding=None).last_verdict is None
