"""Two attempts at one document at the same time, again and again: the newest version wins, and both stores agree each time."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Sequence

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import InfrastructureError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import STAGES, JobState, JobStatus
from docgraph.ingest import pipeline
from docgraph.integrity.compare import compare_dataset
from docgraph.runtime.connections import Runtime
from support.integration.work import ask, uri_of

DOCUMENT = "guide"
ROUNDS = int(os.environ.get("DOCGRAPH_DOUBLE_ROUNDS") or 5)
#: As often as Airflow would repeat a task.
REPETITIONS = 6


def _page(parts: Sequence[int]) -> bytes:
    return ("# Guide\n\n" + "\n".join(f"## Part {n}\n\nThe part {n} explains `setting_{n}`.\n" for n in parts)).encode()


#: Neighbours share sections, so that each attempt keeps, adds and removes some; None deletes.
CONTENTS = (_page(range(6)), _page(range(3, 9)), _page((0, 4, 8)), None)


def _work_off(runtime: Runtime, tag: str, run_id: str, start: threading.Barrier, errors: list[BaseException]) -> None:
    try:
        batches = pipeline.claim(runtime, run_id, tag, None)
        start.wait()
        for batch in batches:
            for stage in STAGES:
                _until_done(runtime, stage, run_id, batch)
    except BaseException as error:
        errors.append(error)
        start.abort()


def _until_done(runtime: Runtime, stage: str, run_id: str, batch: list[str]) -> None:
    for left in reversed(range(REPETITIONS)):
        try:
            pipeline.run_stage(runtime, stage, run_id, batch)
        except InfrastructureError:
            if not left:
                raise
        else:
            return


def _both_at_once(runtime: Runtime, tag: str, first: bytes | None, second: bytes | None) -> list[JobState]:
    """Claim a job for each content by a run of its own, then work both off side by side; returns their last states."""
    start = threading.Barrier(2)
    errors: list[BaseException] = []
    job_ids: list[str] = []
    threads: list[threading.Thread] = []
    for content in (first, second):
        job_ids += ask(runtime, tag, {DOCUMENT: content})
        run_id = f"double-{uuid.uuid4().hex}"
        thread = threading.Thread(target=_work_off, args=(runtime, tag, run_id, start, errors))
        thread.start()
        threads.append(thread)
        # The second is asked for when the first is claimed: else it would replace it in the queue.
        while runtime.state.jobs.get(job_ids[-1]).status is JobStatus.QUEUED and thread.is_alive():
            threading.Event().wait(0.005)
    for thread in threads:
        thread.join()
    assert not errors, errors
    return runtime.state.jobs.get_many(job_ids)


@pytest.mark.task("6.2")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("flips", [False, True], ids=["different content", "content that flips back"])
def test_of_two_attempts_at_once_the_newest_version_wins(
    runtime: Runtime, version: EmbeddingVersion, tag: str, flips: bool
) -> None:
    """`DOCGRAPH_DOUBLE_ROUNDS` sets the number of rounds of each kind."""
    document = document_id(tag, uri_of(DOCUMENT))
    for number in range(ROUNDS):
        first = CONTENTS[number % 2] if flips else CONTENTS[number % len(CONTENTS)]
        second = CONTENTS[(number + 1) % 2] if flips else CONTENTS[(number + 1) % len(CONTENTS)]
        older, newer = _both_at_once(runtime, tag, first, second)
        assert newer.job.version > older.job.version
        assert newer.status is JobStatus.COMPLETED, (number, newer.error)
        assert older.status in {JobStatus.COMPLETED, JobStatus.CANCELLED}, (number, older.error)
        committed = runtime.graph.committed(document)
        assert committed.deleted if second is None else committed.checksum == newer.job.checksum, f"round {number}"
        comparison = compare_dataset(runtime, version, tag, with_vectors=True)
        assert comparison.is_equal, (number, comparison)
