"""Reports: what a run did and whether the dataset is fit to be queried, as JSON, Markdown and HTML."""

from __future__ import annotations

from docgraph.readiness.report.building import build_report, schema, validate
from docgraph.readiness.report.markdown import render_markdown
from docgraph.readiness.report.page import render_html
from docgraph.readiness.report.writing import (
    ReportNotFoundError,
    find_report,
    list_reports,
    read_report,
    remove_reports,
    report_id_of,
    write_report,
)

__all__ = [
    "ReportNotFoundError",
    "build_report",
    "find_report",
    "list_reports",
    "read_report",
    "remove_reports",
    "render_html",
    "render_markdown",
    "report_id_of",
    "schema",
    "validate",
    "write_report",
]
