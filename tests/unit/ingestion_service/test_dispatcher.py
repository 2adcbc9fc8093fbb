"""What the dispatcher leaves alone, and what it refuses to take in."""

from __future__ import annotations

from typing import Any

import pytest

from docgraph.domain.errors import DocumentError
from docgraph.domain.jobs import Job, JobState, JobStatus, Operation, new_job_id
from docgraph.ingest.airflow_api import LiveRun
from ingestion_service.workers.dispatcher import not_covered, read_entry

JOB_ID = "0199a0e0-0000-7000-8000-000000000001"
ENTRY = {
    "job_id": JOB_ID,
    "source_uri": "upload:///a.md",
    "tag": "docs",
    "checksum": "AB" * 32,
    "content_type": "text/markdown",
    "created_at": "2026-11-23T20:00:00Z",
}


def queued(tag: str = "docs", *, at: str = "2026-11-23T20:00:10.000000Z", version: int = 1) -> JobState:
    job = Job(new_job_id(), "upload:///a.md", "text/markdown", "ab", tag, "2026-11-23T20:00:00Z", version=version)
    return JobState(job, "document", JobStatus.QUEUED, queued_at=at)


def run(state: str, conf: dict[str, Any], queued_at: str = "2026-11-23T20:00:11+00:00") -> LiveRun:
    return LiveRun("some_run", state, queued_at, conf)


def test_a_job_that_a_live_run_names_is_left_alone() -> None:
    mine, other = queued(), queued()
    runs = [run("queued", {"tag": "docs", "job_ids": [mine.job.job_id]})]
    assert not_covered([mine, other], runs) == [other]


def test_a_waiting_run_without_job_ids_covers_its_whole_tag() -> None:
    docs, blog = queued(), queued("blog")
    assert not_covered([docs, blog], [run("queued", {"tag": "docs", "job_ids": None})]) == [blog]
    assert not_covered([docs, blog], [run("queued", {"tag": "docs"})]) == [blog]


def test_a_run_of_another_tag_covers_nothing_even_if_it_names_the_job() -> None:
    job = queued()
    assert not_covered([job], [run("queued", {"tag": "blog", "job_ids": [job.job.job_id]})]) == [job]


def test_a_run_that_has_begun_before_the_job_was_queued_again_does_not_cover_it() -> None:
    resumed = queued(at="2026-11-23T20:05:00.000000Z")
    conf = {"tag": "docs", "job_ids": [resumed.job.job_id]}
    assert not_covered([resumed], [run("running", conf)]) == [resumed]
    assert not_covered([resumed], [run("running", conf, "2026-11-23T20:05:01Z")]) == []


def test_an_entry_of_another_program_is_read_with_defaults() -> None:
    new = read_entry(ENTRY)
    assert (new.source_uri, new.tag, new.checksum, new.op) == ("upload:///a.md", "docs", "ab" * 32, Operation.UPSERT)
    assert read_entry({**ENTRY, "op": "delete", "content_type": ""}).op is Operation.DELETE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source_uri": ""}, "no field 'source_uri'"),
        ({"tag": ""}, "no field 'tag'"),
        ({"job_id": "7"}, "is no UUID"),
        ({"op": "rename"}, "'upsert' or 'delete'"),
        ({"created_at": "yesterday"}, "RFC 3339"),
    ],
)
def test_an_entry_that_breaks_the_contract_is_refused_with_its_reason(change: dict[str, str], said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        read_entry({**ENTRY, **change})
