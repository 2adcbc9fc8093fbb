"""Each reason against a dataset, from plain figures."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace

from docgraph.domain.jobs import Job, JobState, JobStatus
from docgraph.domain.verdict import Drift, QueryResult, Reason
from docgraph.integrity.recompute import Recomputed
from docgraph.readiness.checks import (
    check_documents,
    check_drift,
    check_fulltext,
    check_jobs,
    check_query,
    check_recomputed,
    check_vectors,
)
from docgraph.runtime.config import VerdictConfig
from docgraph.stores.graph.auditing import FulltextCount

LIMITS = VerdictConfig(max_drift_pct=0.5, max_failed_share=0.01, min_confidence=0.3)


def codes(reasons: list[Reason]) -> list[str]:
    return [str(reason.code) for reason in reasons]


def job(document: str, status: JobStatus = JobStatus.FAILED, version: int = 1) -> JobState:
    made = Job(
        f"job-{document}-{version}", f"upload:///{document}.md", "text/markdown", "0", "docs", "", version=version
    )
    return JobState(made, document, status)


def drift(missing: int = 0, stray: int = 0, total: int = 1000, **other: object) -> Drift:
    values = {"scope": "dataset", "graph_total": total, "vector_total": total - missing + stray, "checked": total}
    ids = {"missing": tuple(f"m{i}" for i in range(missing)), "stray": tuple(f"s{i}" for i in range(stray))}
    return Drift(**{**values, **ids, **other})  # type: ignore[arg-type]


def result(**changes: object) -> QueryResult:
    evidence = {"source_uri": "upload:///install.md", "document": "Setup", "heading_path": ["Setup", "Mount points"]}
    values = {"q": "how?", "source": "config", "top_evidence": (evidence,), "confidence": 0.8, "ok": True}
    return QueryResult(**{**values, **changes})  # type: ignore[arg-type]


def test_a_dataset_without_documents_is_not_ready() -> None:
    assert codes(check_documents("docs", 0)) == ["no_documents"]
    assert check_documents("docs", 1) == []


def test_what_was_found_by_its_id_is_a_reason_at_any_number() -> None:
    assert codes(check_drift("docs", drift(missing=1, total=100_000), LIMITS)) == ["missing_vectors"]
    assert codes(check_drift("docs", drift(stray=1, total=100_000), LIMITS)) == ["stray_vectors"]
    assert codes(check_drift("docs", drift(missing=6), LIMITS)) == ["drift_above_limit", "missing_vectors"]
    assert codes(check_drift("docs", drift(stray=6), LIMITS)) == ["drift_above_limit", "stray_vectors"]


def test_a_deficit_by_count_is_allowed_up_to_the_limit() -> None:
    assert check_drift("docs", drift(scope="run", checked=10, vector_total=995), LIMITS) == []
    assert codes(check_drift("docs", drift(scope="run", checked=10, vector_total=994), LIMITS)) == [
        "drift_above_limit",
        "missing_vectors",
    ]


def test_a_single_vector_of_another_text_makes_a_dataset_not_ready() -> None:
    assert codes(check_drift("docs", drift(mismatched=("x",)), LIMITS)) == ["mismatched"]


def test_staged_vectors_are_no_drift() -> None:
    assert check_drift("docs", drift(staged=500), LIMITS) == []


def test_a_deficit_by_count_shows_what_a_comparison_of_some_documents_did_not() -> None:
    some = drift(scope="run", checked=10, vector_total=900)
    assert codes(check_drift("docs", some, LIMITS)) == ["drift_above_limit", "missing_vectors"]


def test_a_surplus_by_count_may_be_work_in_progress_and_is_no_drift() -> None:
    assert check_drift("docs", drift(scope="run", checked=10, vector_total=1500), LIMITS) == []


def test_what_was_not_compared_is_not_believed() -> None:
    assert codes(check_drift("docs", None, LIMITS)) == ["verification_incomplete"]
    assert codes(check_drift("docs", drift(unsettled=("d",)), LIMITS)) == ["verification_incomplete"]


def test_one_bad_file_among_three_makes_the_dataset_not_ready() -> None:
    assert codes(check_jobs("docs", [job("bad")], set(), 2, LIMITS)) == ["failed_share"]


def test_one_bad_file_among_a_thousand_does_not() -> None:
    assert check_jobs("docs", [job("bad")], set(), 999, LIMITS) == []


def test_a_failed_document_that_is_live_with_older_content_counts_once_in_the_total() -> None:
    limits = VerdictConfig(max_failed_share=0.5)
    assert check_jobs("docs", [job("bad")], {"bad"}, 2, limits) == []
    assert codes(check_jobs("docs", [job("bad")], {"bad"}, 1, limits)) == ["failed_share"]


def test_a_failed_job_counts_no_more_once_a_newer_one_of_its_document_completed() -> None:
    jobs = [job("d", JobStatus.COMPLETED, version=2), job("d", JobStatus.FAILED, version=1)]
    assert check_jobs("docs", jobs, {"d"}, 1, LIMITS) == []


def test_a_cancelled_job_is_no_failure() -> None:
    assert check_jobs("docs", [job("d", JobStatus.CANCELLED)], set(), 1, LIMITS) == []


def test_a_job_that_has_not_ended_leaves_the_verification_incomplete() -> None:
    assert codes(check_jobs("docs", [job("d", JobStatus.RUNNING)], {"d"}, 1, LIMITS)) == ["verification_incomplete"]


def test_a_text_that_the_model_would_cut_is_a_reason_of_its_own_however_few_there_are() -> None:
    cut = replace(job("long"), error_code="would_truncate")
    assert codes(check_jobs("docs", [cut], set(), 10_000, LIMITS)) == ["would_truncate"]


def test_vectors_that_are_not_those_of_their_texts_are_found_by_computing_them_again() -> None:
    assert check_recomputed("docs", Recomputed(checked=("a", "b"))) == []
    assert codes(check_recomputed("docs", Recomputed(("a", "b"), foreign=("b",)))) == ["mismatched"]
    assert codes(check_recomputed("docs", Recomputed(("a", "b"), too_long=("b",)))) == ["would_truncate"]


def test_a_fulltext_index_that_lacks_sections_is_a_reason_and_one_that_was_not_counted_is_none() -> None:
    assert check_fulltext("docs", None) == []
    assert check_fulltext("docs", FulltextCount(10, 10)) == []
    assert codes(check_fulltext("docs", FulltextCount(10, 9))) == ["fulltext_empty"]
    assert codes(check_fulltext("docs", FulltextCount(0, 0, online=False))) == ["fulltext_empty"]


def test_an_embedder_that_tells_texts_apart_passes() -> None:
    assert check_vectors([[1.0, 0.0], [0.6, 0.8]]) == []


def test_constant_vectors_are_found_out() -> None:
    assert codes(check_vectors([[1.0, 0.0], [1.0, 0.0]])) == ["embedder_broken"]


def test_vectors_that_are_no_numbers_or_of_no_length_are_found_out() -> None:
    assert codes(check_vectors([[math.nan, 0.0], [1.0, 0.0]])) == ["embedder_broken"]
    assert codes(check_vectors([[0.0, 0.0], [1.0, 0.0]])) == ["embedder_broken"]


def test_a_question_without_evidence_is_a_reason() -> None:
    assert codes(check_query("docs", result(top_evidence=(), confidence=0.0), LIMITS)) == ["query_without_evidence"]


def test_an_expectation_is_met_by_address_title_or_heading_in_any_case() -> None:
    for expect in ("INSTALL", "setup", "mount points"):
        assert check_query("docs", result(expect=expect), LIMITS) == []
    assert codes(check_query("docs", result(expect="upgrade"), LIMITS)) == ["query_expectation_missed"]


def test_an_answer_that_one_can_not_trust_is_a_reason() -> None:
    assert codes(check_query("docs", result(confidence=0.29), LIMITS)) == ["low_confidence"]


def test_a_probe_is_judged_by_its_return_and_not_by_its_confidence() -> None:
    assert check_query("docs", result(source="probe", confidence=0.01), LIMITS) == []
    assert codes(check_query("docs", result(source="probe", ok=False), LIMITS)) == ["query_expectation_missed"]


def test_the_command_that_mends_survives_the_shell_whatever_the_question() -> None:
    question = "what's `this`; $(rm -rf x)?"
    reason = check_query("docs", result(q=question, top_evidence=()), LIMITS)[0]
    assert shlex.split(reason.command) == ["ingestctl", "search", question, "--tag=docs"]
