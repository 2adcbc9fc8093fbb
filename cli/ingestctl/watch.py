"""Watching posted jobs to their end: progress onto the board, then the reports of the runs that worked on them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from docgraph.api.jobs import Job
from docgraph.api.reports import Report
from ingestctl.board import Board
from ingestctl.client import ServiceClient
from ingestctl.errors import NotFoundError, UnreachableError
from ingestctl.follow import Disconnected, Finished, Progressed, Reconnected, follow
from ingestctl.progress import View

#: Seconds to wait for a run's report once its jobs are final: Airflow still has to start the report task.
REPORT_PATIENCE = 120.0
REPORT_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """What a run's report says; `report` is None while it is not written."""

    run_id: str
    job_id: str
    report: Report | None
    path: str

    @property
    def ready(self) -> bool | None:
        """Whether the dataset is fit to be queried; None = not known yet."""
        return None if self.report is None else self.report.ready_for_queries

    def as_json(self) -> dict[str, Any]:
        """Return the verdict and where the whole report is."""
        report = self.report
        return {
            "run_id": self.run_id,
            "report_id": report.report_id if report else None,
            "report": self.path or None,
            "ready_for_queries": self.ready,
            "summary": report.summary if report else "",
            "reasons": [reason.as_json() for reason in report.reasons] if report else [],
            "drift_pct": report.drift_pct if report else None,
        }


def watch(client: ServiceClient, board: Board, view: View, job_ids: Sequence[str]) -> dict[str, Job]:
    """Move the board until all jobs are final; returns their last states by job id.

    Raises:
        UnreachableError: the service stayed out of reach.
    """
    records: dict[str, Job] = {}
    for update in follow(client, job_ids):
        match update:
            case Progressed(job_id, event):
                row = board.progressed(job_id, event)
            case Finished(record):
                records[record.job_id] = record
                row = board.finished(record)
            case Disconnected(reason):
                board.trouble, row = reason, None
                view.note(f"The service does not answer ({reason}); trying again. The jobs go on.")
            case Reconnected():
                board.trouble, row = "", None
                view.note("The service is back.")
        if row is not None:
            view.changed(row)
    return records


def verdicts(
    client: ServiceClient, records: Iterable[Job], board: Board, *, patience: float = REPORT_PATIENCE
) -> list[RunVerdict]:
    """Wait for the report of each run that held one of the jobs; a job that no run ever took has none."""
    one_of_run = {record.run_id: record for record in records if record.run_id}
    board.waiting_for = "all documents are through; waiting for the verdict"
    deadline = time.monotonic() + patience
    found = [_verdict(client, run_id, record, deadline) for run_id, record in one_of_run.items()]
    board.waiting_for = ""
    return found


def _verdict(client: ServiceClient, run_id: str, record: Job, deadline: float) -> RunVerdict:
    job_id = record.job_id
    while True:
        report = _report_if_written(client, job_id)
        if report is not None:
            path = client.job(job_id).report or f"reports/ingest/{report.report_id}"
            return RunVerdict(run_id, job_id, report, path)
        if time.monotonic() > deadline:
            return RunVerdict(run_id, job_id, None, "")
        time.sleep(REPORT_PAUSE)


def _report_if_written(client: ServiceClient, job_id: str) -> Report | None:
    try:
        return client.job_report(job_id)
    except (NotFoundError, UnreachableError):
        return None
