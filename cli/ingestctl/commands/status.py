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

    from ingestctl.api import JobRecord

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
    only: Annotated[JobStatus | None, typer.Option("--status", help="Only jobs that stand so.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_JOBS, help="At most so many, newest first.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Show the recent jobs, or named ones in full."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        if jobs:
            shell.show(JobDetails([client.job(job_id) for job_id in jobs]))
            return
        found = client.jobs(tag=tag, status=only.value if only else None, run_id=run, limit=limit)
    shell.show(JobTable(found))


@dataclass(frozen=True, slots=True)
class JobTable:
    """The recent jobs."""

    records: list[JobRecord]

    def as_json(self) -> dict[str, Any]:
        """Return the jobs as the service tells them."""
        return {"jobs": [dict(record.raw) for record in self.records]}

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line a job."""
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import duration

        if not self.records:
            yield Text("No jobs. `ingestctl ingest PATH --tag TAG` makes one.", style="dim")
            return
        table = render.table("Job", "Document", "Dataset", "Status", "Stage", "Time", "Queued", right=("Time",))
        for record in self.records:
            state = record.state
            table.add_row(
                state.job.job_id,
                render.Name(render.name_of(state.job.source_uri), 48),
                state.job.tag,
                render.outcome_text(record),
                "" if state.status is JobStatus.COMPLETED else state.stage,
                duration(record.seconds),
                Text(render.ago(state.queued_at or state.job.created_at), style="dim"),
            )
        yield table


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Named jobs with their stages."""

    records: list[JobRecord]

    def as_json(self) -> dict[str, Any]:
        """Return the jobs as the service tells them, checkpoints included."""
        return {"jobs": [dict(record.raw) for record in self.records]}

    def for_people(self) -> Iterable[RenderableType]:
        """Return a block a job: what it is, how it stands, its stages, its error."""
        for record in self.records:
            yield from _details(record)
            yield ""


def _details(record: JobRecord) -> Iterable[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from ingestctl import render
    from ingestctl.text import duration, printable

    state = record.state
    yield Text.assemble(
        (render.name_of(state.job.source_uri), "bold"), "  ", (state.status.value, render.STATUS_STYLES[state.status])
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    counts = ", ".join(f"{value:,} {name}" for name, value in state.counts.items())
    for label, value in (
        ("job", state.job.job_id),
        ("dataset", state.job.tag),
        ("address", state.job.source_uri),
        ("asks for", state.job.op.value),
        ("outcome", state.outcome),
        ("sections", counts),
        ("attempt", str(state.attempt)),
        ("run", state.run_id),
        ("queued", state.queued_at or state.job.created_at),
        ("started", state.started_at),
        ("finished", state.finished_at),
        ("time", duration(record.seconds)),
        ("report", state.report),
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
                    f"{int(checkpoint.get('items') or 0):,}",
                    duration(float(checkpoint.get("seconds") or 0)),
                    Text(str(checkpoint.get("fingerprint", ""))[:12], style="dim"),
                )
        yield ""
        yield stages
    if state.error:
        yield ""
        where = f" in {state.stage}" if state.stage else ""
        style = "yellow" if state.status is JobStatus.CANCELLED else "red"
        yield Text.assemble("  ", (f"{state.status.value}{where}", style), f": {printable(state.error)}")
        if state.status.is_final and state.status is not JobStatus.COMPLETED:
            yield Text(f"  then: ingestctl resume {state.job.job_id}", style="dim")
