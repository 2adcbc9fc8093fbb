"""What became of each input of `ingest`, for machines and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docgraph.domain.jobs import JobStatus
from ingestctl.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.jobs import Job
    from ingestctl.delivery import Posted
    from ingestctl.files import Rejected
    from ingestctl.watch import RunVerdict


@dataclass
class IngestResult:
    """What became of each input, and what the runs' reports say."""

    tag: str
    rejected: list[Rejected] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    records: dict[str, Job] = field(default_factory=dict)
    runs: list[RunVerdict] = field(default_factory=list)
    waited: bool = False
    detached: bool = False
    seconds: float = 0.0

    @property
    def ready(self) -> bool | None:
        """Whether all runs say so; None = not known (not waited for, or no report)."""
        if not self.runs or any(run.ready is None for run in self.runs):
            return None
        return all(run.ready for run in self.runs)

    @property
    def exit_code(self) -> ExitCode:
        """0 only if every input became a completed job and, when waited for, the dataset is ready."""
        if self.detached:
            return ExitCode.INTERRUPTED
        all_sent = not self.rejected
        all_done = all(record.status is JobStatus.COMPLETED for record in self.records.values())
        if not self.waited:
            return ExitCode.OK if all_sent else ExitCode.FAILED
        return ExitCode.OK if all_sent and all_done and self.ready else ExitCode.FAILED

    def as_json(self) -> dict[str, Any]:
        """Return the result for machines."""
        return {
            "tag": self.tag,
            "ready_for_queries": self.ready,
            "waited": self.waited,
            "detached": self.detached,
            "seconds": round(self.seconds, 3),
            "documents": [self._document(item) for item in self.posted],
            "rejected": [entry.as_json() for entry in self.rejected],
            "runs": [run.as_json() for run in self.runs],
        }

    def _document(self, item: Posted) -> dict[str, Any]:
        record = self.records.get(item.job_id)
        failed = record is not None and bool(record.error or record.error_code)
        return {
            "path": item.document.name,
            "source_uri": item.document.source_uri,
            "job_id": item.job_id,
            "document_id": item.document_id,
            "deduplicated": item.deduplicated,
            "status": record.status.value if record else None,
            "outcome": (record.outcome or None) if record else None,
            "counts": dict(record.counts) if record else {},
            "seconds": record.seconds if record else None,
            "error": {"code": record.error_code, "message": record.error} if record and failed else None,
        }

    def for_people(self) -> Iterable[RenderableType]:
        """Return the table of documents, what went wrong, and the verdict."""
        from rich.text import Text

        from ingestctl import render

        if self.posted and not self.waited and not self.detached:
            yield from self._queued()
        elif self.records:
            yield ""
            yield self._table()
        problems = [
            *render.rejections(self.rejected),
            *render.job_errors(
                (i.document.name, self.records[i.job_id]) for i in self.posted if i.job_id in self.records
            ),
        ]
        if problems:
            yield ""
            yield from problems
        for run in self.runs:
            yield ""
            yield from render.verdict(run)
        if not self.posted:
            yield Text("Nothing was queued.", style="yellow")

    def _queued(self) -> Iterable[RenderableType]:
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import plural

        table = render.table("Document", "Job", "")
        for item in self.posted[: render.MAX_ROWS]:
            table.add_row(
                render.Name(item.document.name),
                item.job_id,
                Text("queued already" if item.deduplicated else "queued", style="dim"),
            )
        yield table
        if (more := len(self.posted) - render.MAX_ROWS) > 0:
            yield Text(f"… and {plural(more, 'document')} more (--json lists all)", style="dim")
        yield Text(f"Follow: ingestctl status --tag {self.tag}, or ingestctl tail JOB", style="dim")

    def _table(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import duration, plural

        numbers = ("Embedded", "Reused", "Removed", "Time")
        table = render.table("Document", "Outcome", *numbers, right=numbers)
        known = [(item, self.records[item.job_id]) for item in self.posted if item.job_id in self.records]
        listed = known[: render.MAX_ROWS]
        for item, record in listed:
            counts = record.counts
            table.add_row(
                render.Name(item.document.name),
                render.outcome_text(record),
                *(f"{counts.get(name, 0):,}" for name in ("embedded", "reused", "removed")),
                duration(record.seconds),
            )
        outcomes = Counter(record.outcome or record.status.value for _, record in known)
        summed = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(outcomes.items()))
        more = f"… and {len(known) - len(listed):,} more. " if len(known) > len(listed) else ""
        altogether = f"{more}{plural(len(known), 'document')} in {duration(self.seconds)}: {summed}"
        return Group(table, Text(altogether, style="dim"))
