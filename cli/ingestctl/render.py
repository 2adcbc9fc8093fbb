"""The pieces of human output that several commands share: job tables, verdicts, errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from docgraph.model.jobs import JobStatus
from ingestctl.api import JobRecord, parse_time
from ingestctl.files import UPLOAD_PREFIX, Rejected
from ingestctl.text import duration, printable
from ingestctl.watch import RunVerdict

STATUS_STYLES = {
    JobStatus.QUEUED: "dim",
    JobStatus.RUNNING: "cyan",
    JobStatus.PAUSED: "yellow",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "yellow",
}
#: Longer results are summed up: only what went wrong is listed one by one.
MAX_ROWS = 60


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table in the house's style; the columns named in `right` hold numbers."""
    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        grid.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=True,
            overflow="fold" if column == columns[0] else "ellipsis",
        )
    return grid


def name_of(source_uri: str) -> str:
    """Write a document's address the way a person reads it: uploads as the path they were named by."""
    text = unquote(source_uri.removeprefix(UPLOAD_PREFIX)) if source_uri.startswith(UPLOAD_PREFIX) else source_uri
    return printable(text)


def ago(text: str) -> str:
    """Write how long ago a time was."""
    at = parse_time(text)
    return f"{duration(max(0.0, (datetime.now(UTC) - at).total_seconds()))} ago" if at else ""


def outcome_text(record: JobRecord) -> Text:
    """Return a job's outcome, or its status while it has none, in its colour."""
    state = record.state
    style = STATUS_STYLES[state.status]
    return Text(state.outcome or state.status.value, style="dim" if state.outcome == "unchanged" else style)


def job_errors(records: Iterable[tuple[str, JobRecord]]) -> list[RenderableType]:
    """Return one paragraph for each job that failed or was cancelled."""
    lines: list[RenderableType] = []
    for name, record in records:
        state = record.state
        if state.status is JobStatus.FAILED:
            where = f" in {state.stage}" if state.stage else ""
            lines.append(
                _paragraph("✘", "red", name, f"failed{where}: {state.error or state.error_code or 'no reason given'}")
            )
            lines.append(Text(f"  then: ingestctl resume {state.job.job_id}", style="dim"))
        elif state.status is JobStatus.CANCELLED:
            lines.append(_paragraph("–", "yellow", name, f"cancelled: {state.error or 'on request'}"))
    return lines


def rejections(rejected: Iterable[Rejected]) -> list[RenderableType]:
    """Return one paragraph for each input that was not sent."""
    return [_paragraph("✘", "red", entry.name, f"not sent: {entry.message} {entry.hint}") for entry in rejected]


def _paragraph(icon: str, style: str, name: str, text: str) -> Text:
    return Text.assemble((f"{icon} ", style), (printable(name), "bold"), "  ", printable(text))


def verdict(entry: RunVerdict) -> list[RenderableType]:
    """Return the verdict line of a run with its reasons and the report's place."""
    if entry.report is None:
        return [
            Text.assemble(
                ("? ", "yellow"), ("ready_for_queries=unknown", "bold yellow"), "  the report is not written yet"
            ),
            Text(f"  run {printable(entry.run_id)}; then: ingestctl report {entry.job_id}", style="dim"),
        ]
    lines = verdict_lines(entry.report)
    lines.append(Text(f"  report  {printable(entry.path)}", style="dim"))
    return lines


def verdict_lines(report: Mapping[str, Any]) -> list[RenderableType]:
    """Return `ready_for_queries=…`, the summary, and each reason with the command that helps."""
    ready = bool(report.get("ready_for_queries"))
    icon, style = ("✔ ", "green") if ready else ("✘ ", "red")
    lines: list[RenderableType] = [
        Text.assemble((icon, style), (f"ready_for_queries={str(ready).lower()}", f"bold {style}")),
    ]
    if summary := str(report.get("summary") or ""):
        lines.append(Text(f"  {printable(summary)}"))
    for reason in report.get("reasons") or []:
        lines.append(Text.assemble("  ", ("• ", style), printable(str(reason.get("message", reason.get("code", ""))))))
        if command := reason.get("command"):
            lines.append(Text(f"    {printable(str(command))}", style="cyan"))
    return lines
