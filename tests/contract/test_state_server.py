"""Redis going away and coming back: what is kept, what is done once, and what is said."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import redis

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.jobs import JobStatus, Outcome
from docgraph.state import FROM_START, State, keys
from support.contract.redis_server import PASSWORD, RedisServer
from support.contract.state_helpers import RUN, TAG, LossyProxy, assert_consistent, in_status, new_job, queued, running


@pytest.fixture
def own_state(own_redis: RedisServer) -> Iterator[State]:
    connected = State.connect(own_redis.url)
    yield connected
    connected.close()


def test_everything_survives_a_power_cut(own_redis: RedisServer, own_state: State) -> None:
    job_ids = [in_status(own_state, status) for status in JobStatus]
    own_state.gate.close("x")
    own_state.jobs.next_fence("document", 41)
    states = own_state.jobs.get_many(job_ids)
    events = own_state.events.read(dict.fromkeys(job_ids, FROM_START))
    own_redis.kill()
    own_redis.start()
    assert own_state.jobs.get_many(job_ids) == states
    assert own_state.events.read(dict.fromkeys(job_ids, FROM_START)) == events
    assert not own_state.gate.state().open
    assert own_state.jobs.next_fence("document", 0) == 43
    with redis.Redis.from_url(own_redis.url, decode_responses=True) as raw:
        assert_consistent(raw)


def test_a_server_killed_amid_a_thousand_transitions_is_consistent(own_redis: RedisServer, own_state: State) -> None:
    acknowledged: list[str] = []
    stopped = threading.Event()

    def work() -> None:
        impatient = State.connect(own_redis.url)
        number = 0
        try:
            while not stopped.is_set():
                run_id = f"run-{number}"
                job_id = impatient.jobs.enqueue(new_job(f"upload:///{number % 7}.md")).job_id
                impatient.jobs.claim(run_id, tag=TAG, job_ids=[job_id])
                impatient.jobs.begin_stage(job_id, run_id, "parse")
                if number % 3 == 0:
                    impatient.jobs.requeue(job_id, run_id, "x")
                elif impatient.jobs.complete(job_id, run_id, Outcome.CREATED, {}):
                    acknowledged.append(job_id)
                number += 1
        finally:
            impatient.close()

    worker = threading.Thread(target=work)
    worker.start()
    for _ in range(3):
        time.sleep(0.5)
        own_redis.kill()
        own_redis.start()
    time.sleep(0.3)
    stopped.set()
    worker.join(timeout=30)
    assert len(acknowledged) > 20
    assert {each.status for each in own_state.jobs.get_many(acknowledged)} == {JobStatus.COMPLETED}
    with redis.Redis.from_url(own_redis.url, decode_responses=True) as raw:
        assert_consistent(raw)


def test_a_short_outage_is_waited_out(own_redis: RedisServer, own_state: State) -> None:
    job_id = queued(own_state)
    own_redis.kill()
    comeback = threading.Timer(1.0, own_redis.start)
    comeback.start()
    assert own_state.jobs.get(job_id).status is JobStatus.QUEUED
    comeback.join()
    assert own_state.jobs.claim(RUN, tag=TAG, job_ids=[job_id])


def test_an_outage_is_said_with_the_address_the_reason_and_what_to_do(own_redis: RedisServer, own_state: State) -> None:
    own_state.ping()
    own_redis.kill()
    start = time.monotonic()
    with pytest.raises(StoreUnavailableError) as ping:
        own_state.ping()
    assert time.monotonic() - start < 3
    with pytest.raises(StoreUnavailableError) as call:
        own_state.jobs.find()
    for caught in (ping, call):
        message = str(caught.value)
        assert f"127.0.0.1:{own_redis.port}/0" in message
        assert "refused" in message
        assert "make status" in message
        assert PASSWORD not in message
    own_redis.start()
    assert own_state.ping() < 1


def test_a_wrong_password_is_said_without_showing_it(own_redis: RedisServer) -> None:
    wrong = State.connect(own_redis.url.replace(PASSWORD, "pa%3Ass-wrong"))
    with pytest.raises(StoreUnavailableError, match="refuses the user or password") as caught:
        wrong.ping()
    assert "pa:ss-wrong" not in str(caught.value)
    assert "pa%3Ass-wrong" not in str(caught.value)
    assert PASSWORD not in wrong.address
    wrong.close()


@pytest.mark.parametrize("url", ["http://:hidden-word@x:1", "redis://:hidden-word@x:notaport/0", "", "hidden-word"])
def test_an_address_that_is_none_of_redis_is_said_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DOCGRAPH_REDIS_URL") as caught:
        State.connect(url)
    assert "hidden-word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_full_server_is_said_as_that(own_redis: RedisServer, own_state: State) -> None:
    job_id = queued(own_state)
    with redis.Redis.from_url(own_redis.url) as raw:
        raw.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailableError, match="is full"):
            own_state.jobs.enqueue(new_job())
        assert own_state.jobs.get(job_id).status is JobStatus.QUEUED
        raw.config_set("maxmemory", 0)
    assert_consistent(redis.Redis.from_url(own_redis.url, decode_responses=True))


def test_scripts_are_loaded_again_where_the_server_forgot_them(state: State, raw: redis.Redis) -> None:
    queued(state)
    raw.script_flush()
    queued(state)
    assert state.jobs.counts_by_status()[JobStatus.QUEUED] == 2


def test_the_state_may_be_used_after_a_fork(redis_url: str, state: State) -> None:
    job_id = running(state)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if state.jobs.complete(job_id, RUN, Outcome.CREATED, {}) else 1)
        finally:
            os._exit(2)
    _, how = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(how) == 0
    assert state.jobs.get(job_id).status is JobStatus.COMPLETED


@pytest.fixture
def proxied(redis_url: str) -> Iterator[tuple[State, LossyProxy]]:
    parts = urlsplit(redis_url)
    proxy = LossyProxy(parts.hostname or "127.0.0.1", parts.port or 6379)
    connected = State.connect(f"redis://127.0.0.1:{proxy.port}{parts.path}")
    yield connected, proxy
    connected.close()
    proxy.close()


CALLS: dict[str, tuple[JobStatus, Callable[[State, str], object]]] = {
    "claim": (JobStatus.QUEUED, lambda s, j: [e.job.job_id for e in s.jobs.claim(RUN, tag=TAG, job_ids=None)] == [j]),
    "begin_stage": (JobStatus.RUNNING, lambda s, j: s.jobs.begin_stage(j, RUN, "parse")),
    "pause": (JobStatus.RUNNING, lambda s, j: s.jobs.pause(j, RUN, "x")),
    "complete": (JobStatus.RUNNING, lambda s, j: s.jobs.complete(j, RUN, Outcome.CREATED, {})),
    "fail": (JobStatus.RUNNING, lambda s, j: s.jobs.fail(j, run_id=RUN, code="x", message="y")),
    "fail as caretaker": (JobStatus.PAUSED, lambda s, j: s.jobs.fail(j, run_id=None, code="x", message="y")),
    "cancel": (JobStatus.RUNNING, lambda s, j: s.jobs.cancel(j, "x") is JobStatus.RUNNING),
    "resume": (JobStatus.FAILED, lambda s, j: s.jobs.resume(j).attempt == 2),
    "requeue": (JobStatus.RUNNING, lambda s, j: s.jobs.requeue(j, RUN, "x")),
    "add_counts": (JobStatus.RUNNING, lambda s, j: s.jobs.add_counts(j, RUN, n=1) and s.jobs.get(j).counts == {"n": 1}),
    "event": (JobStatus.RUNNING, lambda s, j: s.events.append(j, "embed", "running") == 3),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_lost_on_the_way_does_nothing_twice(
    proxied: tuple[State, LossyProxy], state: State, raw: redis.Redis, call: str
) -> None:
    lossy, proxy = proxied
    status, act = CALLS[call]
    job_id = in_status(state, status)
    before = int(raw.hget(keys.state(job_id), "seq") or 0)
    proxy.lose_next_answer()
    assert act(lossy, job_id)
    assert proxy.lost == 1
    transitions = 0 if call == "add_counts" else 1
    assert int(raw.hget(keys.state(job_id), "seq") or 0) == before + transitions
    assert_consistent(raw)


def test_a_request_whose_answer_is_lost_is_one_job_and_says_what_it_superseded(
    proxied: tuple[State, LossyProxy], state: State, raw: redis.Redis
) -> None:
    lossy, proxy = proxied
    old = queued(state, "upload:///same.md", "old")
    job = new_job("upload:///same.md", "new")
    proxy.lose_next_answer()
    enqueued = lossy.jobs.enqueue(job)
    assert (enqueued.job_id, enqueued.deduplicated, enqueued.superseded) == (job.job_id, False, (old,))
    assert proxy.lost == 1
    assert raw.xlen("ingest:jobs") == 1
    assert_consistent(raw)
