"""Reports. What a report holds in full is its own contract, `docs/reference/ingest_report.schema.json`."""

from __future__ import annotations

from typing import Any

from docgraph.api.base import AnswerModel


class Reason(AnswerModel):
    """One reason against readiness: its code, a sentence with its figures, and the command that helps."""

    code: str
    message: str
    command: str = ""


class ReportDigest(AnswerModel):
    """A report in short."""

    report_id: str
    created_at: str
    tag: str
    run_id: str
    dag_id: str
    ready_for_queries: bool
    summary: str
    drift_pct: float | None
    counts: dict[str, Any]


class Reports(AnswerModel):
    """Reports in short, newest first."""

    reports: list[ReportDigest]


class Report(AnswerModel):
    """What the command line reads of a report; the other fields are passed on as they are."""

    report_id: str
    run_id: str
    tag: str
    ready_for_queries: bool
    reasons: list[Reason]
    summary: str
    drift_pct: float | None
