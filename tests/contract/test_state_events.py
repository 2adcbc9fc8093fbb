"""Progress on a real Redis: numbered without a gap, read by many from any point, not kept for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import redis

from docgraph.domain.jobs import Outcome, new_job_id
from docgraph.state import FROM_START, State, keys
from support.contract.state_helpers import RUN, TAG, queued, running


def statuses(state: State, job_id: str) -> list[tuple[int, str, str]]:
    return [(event.seq, event.stage, event.status) for _, _, event in state.events.read({job_id: FROM_START})]


def test_every_transition_says_so_in_order(state: State) -> None:
    job_id = queued(state)
    state.jobs.claim(RUN, tag=TAG, job_ids=[job_id])
    state.jobs.begin_stage(job_id, RUN, "embed")
    state.events.append(job_id, "embed", "running", done=3, total=9, unit="sections", message="warm")
    state.jobs.pause(job_id, RUN, "neo4j is busy")
    state.jobs.unpause(job_id, RUN)
    state.jobs.requeue(job_id, RUN, "the run has vanished")
    state.jobs.claim("second", tag=TAG, job_ids=[job_id])
    state.jobs.fail(job_id, run_id="second", code="x", message="no text")
    state.jobs.resume(job_id)
    state.jobs.cancel(job_id, "after all")
    state.jobs.resume(job_id)
    state.jobs.claim("third", tag=TAG, job_ids=[job_id])
    state.jobs.complete(job_id, "third", Outcome.CREATED, {})
    assert statuses(state, job_id) == [
        (1, "", "queued"),
        (2, "", "running"),
        (3, "embed", "running"),
        (4, "embed", "running"),
        (5, "embed", "paused"),
        (6, "embed", "running"),
        (7, "", "queued"),
        (8, "", "running"),
        (9, "", "failed"),
        (10, "", "queued"),
        (11, "", "cancelled"),
        (12, "", "queued"),
        (13, "", "running"),
        (14, "", "completed"),
    ]
    records = state.events.read({job_id: FROM_START})
    progress = records[3][2]
    assert (progress.done, progress.total, progress.unit, progress.message) == (3, 9, "sections", "warm")
    assert [records[i][2].message for i in (4, 6, 8, 10)] == [
        "neo4j is busy",
        "the run has vanished",
        "no text",
        "after all",
    ]


def test_a_transition_that_is_refused_or_repeated_says_nothing(state: State) -> None:
    job_id = running(state)
    state.jobs.begin_stage(job_id, RUN, "parse")
    before = statuses(state, job_id)
    state.jobs.begin_stage(job_id, RUN, "parse")
    state.jobs.begin_stage(job_id, "another", "embed")
    state.jobs.unpause(job_id, RUN)
    state.jobs.complete(job_id, "another", Outcome.CREATED, {})
    state.jobs.claim(RUN, tag=TAG, job_ids=[job_id])
    assert statuses(state, job_id) == before


def test_a_reader_goes_on_after_the_last_entry_it_saw(state: State) -> None:
    job_id = running(state)
    seen = state.events.read({job_id: FROM_START})
    numbers = [state.events.append(job_id, "embed", "running", done=i) for i in range(5)]
    first = state.events.read({job_id: seen[-1][1]}, count=2)
    rest = state.events.read({job_id: first[-1][1]})
    assert [event.seq for _, _, event in first + rest] == numbers
    assert state.events.read({job_id: rest[-1][1]}) == []


def test_many_jobs_are_read_at_once_in_the_order_of_writing(state: State) -> None:
    one, two = running(state), running(state)
    after = {job_id: state.events.read({job_id: FROM_START})[-1][1] for job_id in (one, two)}
    for i in range(6):
        state.events.append((one, two)[i % 2], "embed", "running", done=i)
        time.sleep(0.002)
    records = state.events.read({**after, new_job_id(): FROM_START})
    assert [(job_id, event.done) for job_id, _, event in records] == [((one, two)[i % 2], i) for i in range(6)]
    assert state.events.read({}) == []


def test_a_blocking_read_returns_with_the_first_event(state: State) -> None:
    job_id = running(state)
    after = state.events.read({job_id: FROM_START})[-1][1]
    timer = threading.Timer(0.3, lambda: state.events.append(job_id, "embed", "running", message="hello"))
    timer.start()
    start = time.monotonic()
    records = state.events.read({job_id: after}, block_ms=10_000)
    assert [event.message for _, _, event in records] == ["hello"]
    assert time.monotonic() - start < 5
    timer.join()


def test_a_blocking_read_may_wait_longer_than_an_answer_usually_may(state: State) -> None:
    job_id = running(state)
    after = state.events.read({job_id: FROM_START})[-1][1]
    start = time.monotonic()
    assert state.events.read({job_id: after}, block_ms=6_000) == []
    assert 5.9 < time.monotonic() - start < 9


def test_about_two_thousand_events_are_kept_and_the_numbers_go_on(state: State, raw: redis.Redis) -> None:
    job_id = running(state)
    for i in range(2_600):
        state.events.append(job_id, "embed", "running", done=i)
    assert 2_000 <= raw.xlen(keys.events(job_id)) <= 2_200
    records = state.events.read({job_id: FROM_START}, count=5_000)
    assert records[-1][2].seq == 2_602
    assert [event.seq for _, _, event in records] == list(range(2_603 - len(records), 2_603))


def test_events_expire_seven_days_after_the_end_and_not_before(state: State, raw: redis.Redis) -> None:
    job_id = running(state)
    key = keys.events(job_id)
    assert raw.ttl(key) == -1
    state.jobs.fail(job_id, run_id=RUN, code="x", message="y")
    assert 7 * 24 * 3600 - 60 < raw.ttl(key) <= 7 * 24 * 3600
    state.jobs.resume(job_id)
    assert raw.ttl(key) == -1


def test_an_event_that_comes_after_the_expiry_expires_too(state: State, raw: redis.Redis) -> None:
    job_id = running(state)
    state.jobs.cancel(job_id, "x")
    raw.delete(keys.events(job_id))
    assert state.events.append(job_id, "embed", "running", message="late") == 4
    assert raw.ttl(keys.events(job_id)) > 0


def test_an_event_loop_follows_jobs_to_their_end(state: State) -> None:
    one, two = running(state), running(state)

    def work() -> None:
        for i in range(20):
            state.events.append(one, "embed", "running", done=i)
            time.sleep(0.005)
        state.jobs.complete(one, RUN, Outcome.CREATED, {})
        state.jobs.cancel(two, "x")

    async def follow() -> list[tuple[str, int, str]]:
        seen = [record async for record in state.events.follow({one: FROM_START, two: FROM_START}) if record]
        await state.aclose()
        return [(job_id, event.seq, event.status) for job_id, _, event in seen]

    worker = threading.Thread(target=work)
    worker.start()
    seen = asyncio.run(asyncio.wait_for(follow(), 20))
    worker.join()
    assert [seq for job_id, seq, _ in seen if job_id == one] == list(range(1, 24))
    assert [status for job_id, _, status in seen if job_id == two] == ["queued", "running", "cancelled"]


def test_following_without_news_leaves_time_for_heartbeats(state: State) -> None:
    job_id = running(state)

    async def follow() -> list[object]:
        seen: list[object] = []
        async for record in state.events.follow({job_id: FROM_START}, idle_seconds=0.05):
            seen.append(record)
            if seen[-2:] == [None, None]:
                break
        await state.aclose()
        return seen

    seen = asyncio.run(asyncio.wait_for(follow(), 20))
    assert len(seen) == 4


def test_following_jobs_that_do_not_exist_ends_at_once(state: State) -> None:
    async def follow() -> Sequence[object]:
        seen = [record async for record in state.events.follow({new_job_id(): FROM_START})]
        await state.aclose()
        return seen

    assert asyncio.run(asyncio.wait_for(follow(), 5)) == []
