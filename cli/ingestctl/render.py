"""The pieces of human output that several commands share: job tables, verdicts, errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from docgraph.api.health import Intake
from docgraph.api.jobs import Job, parse_time
from docgraph.api.reports import Reason
from docgraph.domain.jobs import JobStatus
from ingestctl.files import UPLOAD_PREFIX, Rejected
from ingestctl.text import duration, plural, printable, shorten
from ingestctl.watch import RunVerdict

STATUS_STYLES = {
    JobStatus.QUEUED: "dim",
    JobStatus.RUNNING: "cyan",
    JobStatus.PAUSED: "yellow",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "yellow",
}
_ICONS = {
    JobStatus.QUEUED: "·",
    JobStatus.RUNNING: "▸",
    JobStatus.PAUSED: "‖",
    JobStatus.COMPLETED: "✔",
    JobStatus.FAILED: "✘",
    JobStatus.CANCELLED: "–",
}
#: The heading of the column that holds names.
NAME = "Document"
#: Longer results are summed up: only what went wrong is listed one by one.
MAX_ROWS = 60


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table in the house's style; the columns named in `right` hold numbers."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        # Only the names give way on a narrow terminal: Rich shrinks the columns first that may wrap.
        grid.add_column(
            column, justify="right" if column in right else "left", no_wrap=column != NAME, overflow="ellipsis"
        )
    return grid


class Name:
    """A document's name in a table: one line, cut in the middle where the column is too narrow."""

    def __init__(self, text: str, widest: int = 64) -> None:
        self._text = shorten(printable(text), widest)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the name as wide as there is room."""
        yield Text(shorten(self._text, options.max_width), no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Say how narrow and how wide it may be."""
        width = cell_len(self._text)
        return Measurement(min(width, 12), max(1, min(width, options.max_width)))


def name_of(source_uri: str) -> str:
    """Write a document's address the way a person reads it: uploads as the path they were named by."""
    text = unquote(source_uri.removeprefix(UPLOAD_PREFIX)) if source_uri.startswith(UPLOAD_PREFIX) else source_uri
    return printable(text)


def ago(text: str) -> str:
    """Write how long ago a time was."""
    at = parse_time(text)
    return f"{duration(max(0.0, (datetime.now(UTC) - at).total_seconds()))} ago" if at else ""


def outcome_text(record: Job) -> Text:
    """Return a job's outcome, or its status while it has none, with its icon and in its colour."""
    return Text(f"{_ICONS[record.status]} {record.outcome or record.status.value}", style=STATUS_STYLES[record.status])


def intake(state: Intake) -> list[RenderableType]:
    """Return one line where what is new becomes searchable, else one for each part that stands still and what to do."""
    if state.live:
        return [Text.assemble(("✔ ", "green"), ("the intake lives", "dim"))]
    lines: list[RenderableType] = [
        Text.assemble(("✘ ", "red"), ("the intake stands still: nothing new is sure to become searchable", "bold red"))
    ]
    for name, check in state.problems.items():
        lines.append(Text.assemble("  ", ("• ", "red"), (printable(name), "bold"), f"  {printable(check.reason)}"))
        if check.advice:
            lines.append(Text(f"    {printable(check.advice)}", style="dim"))
    return lines


def job_errors(records: Iterable[tuple[str, Job]]) -> list[RenderableType]:
    """Return one paragraph for each job that failed or was cancelled, up to `MAX_ROWS` of them."""
    lines: list[RenderableType] = []
    wrong = [(name, record) for name, record in records if record.status is not JobStatus.COMPLETED]
    for name, record in wrong[:MAX_ROWS]:
        if record.status is JobStatus.FAILED:
            where = f" in {record.stage}" if record.stage else ""
            lines.append(
                _paragraph("✘", "red", name, f"failed{where}: {record.error or record.error_code or 'no reason given'}")
            )
            lines.append(Text(f"  then: ingestctl resume {record.job_id}", style="dim"))
        elif record.status is JobStatus.CANCELLED:
            lines.append(_paragraph("–", "yellow", name, f"cancelled: {record.error or 'on request'}"))
    if (more := len(wrong) - MAX_ROWS) > 0:
        lines.append(Text(f"… and {plural(more, 'document')} more (--json lists all)", style="red"))
    return lines


def rejections(rejected: Iterable[Rejected]) -> list[RenderableType]:
    """Return one paragraph for each input that was not sent, up to `MAX_ROWS` of them."""
    entries = list(rejected)
    lines: list[RenderableType] = [
        Text.assemble(("✘ not sent  ", "red"), printable(entry.message), (f" {printable(entry.hint)}", "dim"))
        for entry in entries[:MAX_ROWS]
    ]
    if (more := len(entries) - MAX_ROWS) > 0:
        lines.append(Text(f"… and {plural(more, 'file')} more not sent (--json lists all)", style="red"))
    return lines


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
    report = entry.report
    lines = verdict_lines(report.ready_for_queries, report.reasons, report.summary)
    lines.append(Text(f"  report  {printable(entry.path)}", style="dim"))
    return lines


def verdict_lines(ready: bool, reasons: Iterable[Reason], summary: str = "") -> list[RenderableType]:
    """Return `ready_for_queries=…`, the summary, and each reason with the command that helps."""
    icon, style = ("✔ ", "green") if ready else ("✘ ", "red")
    lines: list[RenderableType] = [
        Text.assemble((icon, style), (f"ready_for_queries={str(ready).lower()}", f"bold {style}")),
    ]
    if summary:
        lines.append(Text(f"  {printable(summary)}"))
    for reason in reasons:
        lines.append(Text.assemble("  ", ("• ", style), printable(reason.message)))
        if reason.command:
            lines.append(Text(f"    {printable(reason.command)}", style="cyan"))
    return lines
