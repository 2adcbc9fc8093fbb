"""The table of recent jobs at the widths that terminals have."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from docgraph.api.jobs import Job
from docgraph.domain.jobs import JobStatus
from ingestctl.listing import JobList, elapsed, silent

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


def job(name: str, status: JobStatus = JobStatus.RUNNING, *, started: float = 600, last: float = 590) -> Job:
    """A job that started and was last heard of so many seconds ago."""
    return Job(
        job_id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        source_uri=f"upload:///{name}",
        content_type="text/markdown",
        checksum="0" * 64,
        tag="handbook",
        created_at="2026-11-28T11:40:00.000000Z",
        document_id="1" * 64,
        status=status,
        stage="vector_upsert",
        outcome="unchanged" if status is JobStatus.COMPLETED else "",
        started_at=(NOW - timedelta(seconds=started)).isoformat(),
        updated_at=(NOW - timedelta(seconds=last)).isoformat(),
        finished_at=(NOW - timedelta(seconds=last)).isoformat() if status.is_final else "",
    )


JOBS = [
    job("guides/installation/on-a-machine-without-docker.md"),
    job("guides/索引/ファイル.md", JobStatus.COMPLETED),
    job("a.md", JobStatus.FAILED),
]


def drawn(width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=width, height=24, color_system=None).print(JobList(JOBS))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_every_id_can_be_copied_and_every_document_recognised(width: int) -> None:
    lines = drawn(width)
    assert all(cell_len(line) <= width for line in lines)
    for each, end in zip(JOBS, ("docker.md", "ル.md", "a.md"), strict=True):
        assert any(each.job_id in line.split() for line in lines)
        assert any(end in line for line in lines)
    assert "Time" in lines[0]
    assert "Status" in lines[0]


def test_a_terminal_of_80_columns_has_one_line_a_job() -> None:
    lines = drawn(80)
    assert len(lines) == 1 + len(JOBS)
    assert "Document" in lines[0]


def test_a_wide_terminal_leaves_nothing_out() -> None:
    for title in ("Job", "Document", "Dataset", "Status", "Stage", "Time", "Queued"):
        assert title in drawn(200)[0]


def test_even_the_narrowest_terminal_loses_no_letter_of_an_id() -> None:
    text = "".join(line.split("  ")[0].strip() for line in drawn(40))
    assert all(each.job_id in text for each in JOBS)


def test_the_time_of_a_document_that_is_stuck_goes_on() -> None:
    stuck = job("stuck.md", started=600, last=590)
    assert stuck.seconds == 10
    assert elapsed(stuck, NOW) == 600
    assert silent(stuck, NOW) == 590


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.QUEUED])
def test_the_time_of_a_job_that_is_not_worked_on_stands_still(status: JobStatus) -> None:
    ended = job("ended.md", status, started=600, last=590)
    assert elapsed(ended, NOW) == 10
    assert silent(ended, NOW) is None


def test_a_client_whose_clock_is_behind_shows_no_less_than_the_service_has_seen() -> None:
    assert elapsed(job("a.md", started=600, last=590), NOW - timedelta(hours=1)) == 10
