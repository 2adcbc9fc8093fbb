"""`ingestctl tail`: the events of jobs, line by line, until all of them are final."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from docgraph.domain.jobs import JobStatus
from ingestctl.commands._options import EPILOG, JobIds, start
from ingestctl.errors import ExitCode

if TYPE_CHECKING:
    from rich.text import Text

    from docgraph.api.jobs import Job
    from docgraph.domain.jobs import Event


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(tail)


def tail(
    ctx: typer.Context,
    jobs: JobIds,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with each job's first event, not with its last change of state.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines: one event a line; text for people goes to standard error.")
    ] = False,
) -> None:
    """Print the events of jobs as they happen, until all are final."""
    from docgraph.api.jobs import parse_time
    from ingestctl import render
    from ingestctl.follow import Disconnected, Finished, Progressed, Reconnected, follow

    shell = start(ctx, as_json)
    out, notes = shell.people(), shell.notes()
    ended: list[Job] = []
    job_ids = list(dict.fromkeys(jobs))
    with shell.client() as client:
        records = {job_id: client.job(job_id) for job_id in job_ids}
        names = {job_id: render.name_of(record.source_uri) for job_id, record in records.items()}
        since = {} if from_start else {job_id: parse_time(r.updated_at) for job_id, r in records.items()}
        for update in follow(client, job_ids):
            match update:
                case Progressed(job_id, event):
                    at, begin = parse_time(event.at), since.get(job_id)
                    if at is not None and begin is not None and at < begin:
                        continue
                    if as_json:
                        _print_line({"job_id": job_id, **asdict(event)})
                    else:
                        out.print(_line(names.get(job_id, job_id), event), soft_wrap=True)
                case Finished(record):
                    ended.append(record)
                    if not as_json:
                        out.print(_last_line(names[record.job_id], record), soft_wrap=True)
                case Disconnected(reason):
                    notes.print(f"The service does not answer ({reason}); trying again.", markup=False, style="yellow")
                case Reconnected():
                    notes.print("The service is back.", style="dim")
    all_completed = all(record.status is JobStatus.COMPLETED for record in ended)
    raise typer.Exit(ExitCode.OK if all_completed else ExitCode.FAILED)


def _print_line(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _line(name: str, event: Event) -> Text:
    from rich.text import Text

    from docgraph.api.jobs import parse_time
    from ingestctl.text import printable

    at = parse_time(event.at)
    clock = at.astimezone().strftime("%H:%M:%S") if at else "--:--:--"
    amount = f"{event.done:,}/{event.total:,} {event.unit}".rstrip() if event.total else ""
    parts = [
        event.stage,
        "" if event.status == JobStatus.RUNNING and event.stage else event.status,
        amount,
        event.message,
    ]
    return Text.assemble(
        (clock, "dim"), "  ", (name, "bold"), "  ", "  ".join(printable(part) for part in parts if part)
    )


def _last_line(name: str, record: Job) -> Text:
    from rich.text import Text

    from ingestctl import render
    from ingestctl.text import duration, printable

    counts = ", ".join(f"{value:,} {key}" for key, value in record.counts.items())
    text = Text.assemble("= ", (name, "bold"), "  ", (record.status.value, render.STATUS_STYLES[record.status]))
    for part in (record.outcome, counts, duration(record.seconds), record.error):
        if part:
            text.append(f"  {printable(part)}")
    return text
