"""A folder that is mirrored by the whole running stack: what changes is followed exactly, and deletions in numbers are asked about."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path

import httpx
import pytest

from docgraph.domain.jobs import JobState
from docgraph.runtime.connections import Runtime
from docgraph_local.stack import Stack
from support.e2e.drops import Drops, page, report_of, wait_for
from support.e2e.sources import MIRRORED, airflow_client, answer, question, questions


@pytest.fixture
def folder(stack: Stack, runtime: Runtime) -> Path:
    """The mirrored folder, empty, and nothing known of it."""
    assert stack.running
    root = runtime.settings.workspace / MIRRORED
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    runtime.state.cursors.forget(MIRRORED)
    runtime.state.withheld.end(MIRRORED)
    return root


@pytest.fixture
def mirror(stack: Stack, runtime: Runtime) -> Drops:
    return Drops(runtime, MIRRORED)


def new_jobs(mirror: Drops, before: set[str], count: int) -> list[JobState]:
    """Wait for exactly so many new jobs, all final and reported."""

    def found() -> list[JobState] | None:
        jobs = [state for state in mirror.jobs() if state.job.job_id not in before]
        assert len(jobs) <= count, [state.job.source_uri for state in jobs]
        return jobs if len(jobs) == count and all(job.status.is_final and job.report for job in jobs) else None

    jobs = wait_for(found, f"{count} new jobs of {MIRRORED}", 240)
    before.update(state.job.job_id for state in jobs)
    return jobs


def outcomes(jobs: list[JobState]) -> dict[str, int]:
    return {outcome: sum(state.outcome == outcome for state in jobs) for outcome in {state.outcome for state in jobs}}


def asked(airflow: httpx.Client) -> dict[str, object]:
    waiting = wait_for(lambda: questions(airflow, MIRRORED) or None, "a question about deletions", 120)
    assert len(waiting) == 1
    # No person answers in the moment in which a question appears; Airflow 3.3.2 loses the task of one who does.
    time.sleep(3)
    return waiting[0]


@pytest.mark.timeout(900)
@pytest.mark.task("6.1")
def test_a_mirrored_folder_is_followed_exactly_and_asked_about_when_it_loses_much(
    folder: Path, mirror: Drops, runtime: Runtime
) -> None:
    seen = {state.job.job_id for state in mirror.jobs()}
    # A stack that is used again knows the names of the session before.
    own = uuid.uuid4().hex[:8]
    for number in range(20):
        (folder / f"{own}-{number:02}.md").write_text(page(f"Page {number}", 2, f"m{own}{number}"), encoding="utf-8")
    assert outcomes(new_jobs(mirror, seen, 20)) == {"created": 20}

    for number in range(5):
        (folder / f"{own}-{number:02}.md").write_text(page(f"Page {number}", 3, f"m{own}{number}"), encoding="utf-8")
    for number in range(17, 20):
        (folder / f"{own}-{number:02}.md").unlink()
    assert outcomes(new_jobs(mirror, seen, 8)) == {"updated": 5, "deleted": 3}

    for path in folder.iterdir():
        os.utime(path)
    before = {uri: each.sha256 for uri, each in runtime.state.cursors.get(MIRRORED).items()}
    stamp = max(path.stat().st_ctime_ns for path in folder.iterdir())
    wait_for(
        lambda: any(str(stamp) in version for version in runtime.state.cursors.versions(MIRRORED).values()) or None,
        "the new times are noted",
    )
    assert {uri: each.sha256 for uri, each in runtime.state.cursors.get(MIRRORED).items()} == before
    assert {state.job.job_id for state in mirror.jobs()} == seen, "a new checkout costs no job"

    # 7 of 17 is more than a quarter: what changes is taken, what has gone is asked about.
    for number in range(7):
        (folder / f"{own}-{number:02}.md").unlink()
    (folder / f"{own}-10.md").write_text(page("Page 10", 4, f"m{own}10"), encoding="utf-8")
    (updated,) = new_jobs(mirror, seen, 1)
    assert updated.outcome == "updated"
    with airflow_client(runtime.settings) as airflow:
        run = asked(airflow)
        text = question(airflow, run)
        assert text["subject"] == "Delete 7 documents that have gone from handbook?"
        assert f"`fs://handbook/{own}-00.md`" in text["body"]
        assert mirror.evidence("Which setting limits the connections in Topic 1 of Page 3?"), "still found"
        answer(airflow, run, "Reject")
        wait_for(
            lambda: ((w := runtime.state.withheld.get(MIRRORED)) and w.decision == "refused") or None, "the refusal"
        )

        (folder / f"{own}-11.md").write_text(page("Page 11", 4, f"m{own}11"), encoding="utf-8")
        (updated,) = new_jobs(mirror, seen, 1)
        report = report_of(runtime, updated)
        (kept,) = report["withheld"]
        assert (kept["documents"], kept["decision"]) == (7, "refused")
        assert "7 documents that have gone from the source handbook are kept" in report["summary"]
        assert report["ready_for_queries"]
        time.sleep(3)
        assert questions(airflow, MIRRORED) == [], "a refusal holds"

        (folder / f"{own}-12.md").unlink()
        run = asked(airflow)
        assert question(airflow, run)["subject"].startswith("Delete 8 documents")
        answer(airflow, run, "Approve")
    assert outcomes(new_jobs(mirror, seen, 8)) == {"deleted": 8}
    assert runtime.state.withheld.get(MIRRORED) is None
    found = mirror.evidence("Which setting limits the connections in Topic 1 of Page 3?")
    assert f"fs://handbook/{own}-03.md" not in {hit["source_uri"] for hit in found}
    assert sorted(mirror.ids_in_graph()) == sorted(mirror.ids_in_vectors(runtime.embedding_version))
