"""Many at once on a real Redis: a job has one holder, a fence one owner, a document one queued job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import redis

from docgraph.domain.errors import IllegalTransitionError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import JobStatus, Outcome
from docgraph.state import State
from support.contract.state_helpers import TAG, assert_consistent, new_job, queued, running

T = TypeVar("T")
THREADS = 8
URI = "upload:///guide.md"


@pytest.fixture(autouse=True)
def consistent(state: State, raw: redis.Redis) -> Iterator[None]:
    yield
    assert_consistent(raw)


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Run `work(0) … work(n - 1)` in threads that begin together; raise what one of them raised."""
    start = threading.Barrier(threads)
    results: dict[int, T] = {}
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait(timeout=10)
            results[number] = work(number)
        except BaseException as error:
            failures.append(error)

    running_threads = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running_threads:
        thread.start()
    for thread in running_threads:
        thread.join(timeout=60)
    if failures:
        raise failures[0]
    return [results[number] for number in range(threads)]


def test_jobs_that_many_runs_want_are_claimed_once_each(state: State) -> None:
    job_ids = [queued(state) for _ in range(60)]

    def claim(number: int) -> list[str]:
        run_id = f"run-{number}"
        for start in range(0, 60, 10):
            state.jobs.claim(run_id, tag=TAG, job_ids=job_ids[start : start + 10])
        return [each.job.job_id for each in state.jobs.jobs_of_run(run_id)]

    held = at_once(claim)
    assert sorted(job_id for each in held for job_id in each) == sorted(job_ids)
    assert state.jobs.counts_by_status()[JobStatus.RUNNING] == 60


def test_runs_that_take_whatever_is_queued_share_it(state: State) -> None:
    job_ids = [queued(state) for _ in range(40)]
    held = at_once(lambda number: state.jobs.claim(f"run-{number}", tag=TAG, job_ids=None, limit=5))
    assert sorted(each.job.job_id for states in held for each in states) == sorted(job_ids)
    assert {len(states) for states in held} == {5}


def test_fences_taken_at_once_are_all_different_and_rise_for_each_taker(state: State) -> None:
    fences = at_once(lambda number: [state.jobs.next_fence("document", number) for _ in range(50)])
    everything = [fence for each in fences for fence in each]
    assert len(set(everything)) == THREADS * 50
    assert all(each == sorted(each) for each in fences)
    assert max(everything) <= THREADS * 50 + THREADS


def test_requests_for_one_document_at_once_leave_one_queued_job_the_newest(state: State) -> None:
    enqueued = at_once(lambda number: [state.jobs.enqueue(new_job(URI)) for _ in range(20)])
    flat = sorted((each for one in enqueued for each in one), key=lambda each: each.version)
    assert len({each.version for each in flat}) == THREADS * 20
    assert all([each.version for each in one] == sorted(each.version for each in one) for one in enqueued)
    (left,) = state.jobs.find(status=JobStatus.QUEUED)
    assert left.job.job_id == flat[-1].job_id
    assert state.jobs.counts_by_status()[JobStatus.CANCELLED] == THREADS * 20 - 1
    assert [each.superseded for each in flat] == [(), *((each.job_id,) for each in flat[:-1])]
    assert state.jobs.known_version([document_id(TAG, URI)]) == {document_id(TAG, URI): flat[-1].version}


def test_equal_requests_at_once_are_one_job(state: State) -> None:
    enqueued = at_once(lambda number: state.jobs.enqueue(new_job(URI, "same")))
    assert len({each.job_id for each in enqueued}) == 1
    assert sorted(each.deduplicated for each in enqueued) == [False] + [True] * (THREADS - 1)


def test_a_job_that_is_completed_and_cancelled_at_once_ends_one_way(state: State) -> None:
    for _ in range(20):
        job_id = running(state)

        def end(number: int, job_id: str = job_id) -> bool:
            if number % 2:
                return state.jobs.cancel(job_id, "x") is JobStatus.RUNNING
            return state.jobs.complete(job_id, "ingest__handbook__1", Outcome.CREATED, {})

        completed, cancelled = at_once(end, threads=2)
        assert completed is not cancelled
        assert state.jobs.get(job_id).status is (JobStatus.COMPLETED if completed else JobStatus.CANCELLED)


def test_a_job_that_many_resume_is_resumed_once(state: State) -> None:
    job_id = running(state)
    state.jobs.cancel(job_id, "x")

    def resume(number: int) -> bool:
        try:
            state.jobs.resume(job_id)
        except IllegalTransitionError:
            return False
        return True

    assert sorted(at_once(resume)) == [False] * (THREADS - 1) + [True]
    assert state.jobs.get(job_id).attempt == 2


def test_a_job_that_many_reapers_requeue_is_requeued_once(state: State) -> None:
    job_id = running(state)
    answers = at_once(lambda number: state.jobs.requeue(job_id, "ingest__handbook__1", "lost"))
    assert sorted(answers) == [False] * (THREADS - 1) + [True]
    assert state.jobs.get(job_id).attempt == 2


def test_events_written_at_once_are_numbered_without_a_gap(state: State) -> None:
    job_id = running(state)
    numbers = at_once(lambda number: [state.events.append(job_id, "embed", "running") for _ in range(50)])
    assert sorted(seq for each in numbers for seq in each) == list(range(3, 403))


def test_counts_added_at_once_are_all_counted(state: State) -> None:
    job_id = running(state)
    at_once(lambda number: [state.jobs.add_counts(job_id, "ingest__handbook__1", embedded=1) for _ in range(50)])
    assert state.jobs.get(job_id).counts == {"embedded": 400}
