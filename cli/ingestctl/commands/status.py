"""`ingestctl status`: the recent jobs as a table, or named jobs with all their details."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docgraph.domain.jobs import STAGES, JobStatus
from ingestctl.commands._options import EPILOG, AnyTag, Json, start

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.health import Intake
    from docgraph.api.jobs import Job, JobDetails, UnreadableJob

#: The service lists no more at once.
MAX_JOBS = 1000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(status)


def status(
    ctx: typer.Context,
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB…]", help="Show these jobs in full.", show_default=False)
    ] = None,
    tag: AnyTag = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only jobs of this Airflow run.")] = None,
    only: Annotated[JobStatus | None, typer.Option("--status", help="Only jobs in this status.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_JOBS, help="Maximum number of jobs, newest first.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Show the recent jobs, or named ones in full."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        if jobs:
            shell.show(NamedJobs([client.job(job_id) for job_id in jobs]))
            return
        found = client.listing(tag=tag, status=only.value if only else None, run_id=run, limit=limit)
        shell.show(JobTable(found.jobs, found.unreadable, None if as_json else client.intake()))


@dataclass(frozen=True, slots=True)
class JobTable:
    """The recent jobs, and for people whether the intake lives."""

    records: list[Job]
    unreadable: list[UnreadableJob]
    intake: Intake | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the jobs as the service tells them, and those that can't be read where there are any."""
        told: dict[str, Any] = {"jobs": [record.as_json() for record in self.records]}
        if self.unreadable:
            told["unreadable"] = [each.as_json() for each in self.unreadable]
        return told

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line a job."""
        from rich.text import Text

        from ingestctl import render
        from ingestctl.listing import JobList
        from ingestctl.text import printable

        for each in self.unreadable:
            yield Text(f"{printable(each.key)} can't be read: {printable(each.reason)}", style="yellow")
        if not self.records:
            yield Text("No jobs. `ingestctl ingest PATH --tag TAG` makes one.", style="dim")
        else:
            yield JobList(self.records)
        if self.intake is not None and not self.intake.live:
            yield ""
            yield from render.intake(self.intake)


@dataclass(frozen=True, slots=True)
class NamedJobs:
    """Named jobs with their stages."""

    records: list[JobDetails]

    def as_json(self) -> dict[str, Any]:
        """Return the jobs as the service tells them, checkpoints included."""
        return {"jobs": [record.as_json() for record in self.records]}

    def for_people(self) -> Iterable[RenderableType]:
        """Return a block a job: what it is, how it stands, its stages, its error."""
        for record in self.records:
            yield from _details(record)
            yield ""


def _details(record: JobDetails) -> Iterable[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from ingestctl import render
    from ingestctl.listing import elapsed, silent
    from ingestctl.text import duration, printable

    quiet = silent(record)
    yield Text.assemble(
        (render.name_of(record.source_uri), "bold"), "  ", (record.status.value, render.STATUS_STYLES[record.status])
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    counts = ", ".join(f"{value:,} {name}" for name, value in record.counts.items())
    for label, value in (
        ("job", record.job_id),
        ("dataset", record.tag),
        ("address", record.source_uri),
        ("asks for", record.op.value),
        ("outcome", record.outcome),
        ("sections", counts),
        ("attempt", str(record.attempt)),
        ("run", record.run_id),
        ("queued", record.queued_at or record.created_at),
        ("started", record.started_at),
        ("finished", record.finished_at),
        ("time", duration(elapsed(record))),
        ("last progress", f"{duration(quiet)} ago" if quiet is not None else ""),
        ("report", record.report),
    ):
        if value:
            facts.add_row(f"  {label}", Text(printable(value)))
    yield facts
    if record.checkpoints:
        stages = render.table("  Stage", "Items", "Time", "Fingerprint", right=("Items", "Time"))
        for stage in [*STAGES, *(name for name in record.checkpoints if name not in STAGES)]:
            if checkpoint := record.checkpoints.get(stage):
                stages.add_row(
                    f"  {stage}",
                    f"{checkpoint.items:,}",
                    duration(checkpoint.seconds),
                    Text(checkpoint.fingerprint[:12], style="dim"),
                )
        yield ""
        yield stages
    if record.error:
        yield ""
        where = f" in {record.stage}" if record.stage else ""
        style = "yellow" if record.status is JobStatus.CANCELLED else "red"
        yield Text.assemble("  ", (f"{record.status.value}{where}", style), f": {printable(record.error)}")
        if record.status.is_final and record.status is not JobStatus.COMPLETED:
            yield Text(f"  then: ingestctl resume {record.job_id}", style="dim")
