"""Keys that hold something else than docgraph keeps there: said by name and reason, and no other job is stopped by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import redis

from docgraph.domain.errors import StateUnreadableError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import JobStatus, Outcome
from docgraph.state import State
from support.contract.state_helpers import RUN, TAG, assert_consistent, in_status, new_job, queued, running

Damage = Callable[[redis.Redis, str], object]


def lacking(*names: str) -> Damage:
    return lambda raw, key: raw.hdel(key, *names)


def holding(**fields: str) -> Damage:
    return lambda raw, key: [raw.hset(key, name, value) for name, value in fields.items()]


def another_type(raw: redis.Redis, key: str) -> None:
    raw.delete(key)
    raw.rpush(key, "mine")


DAMAGE: dict[str, Damage] = {
    "lacks its request": lacking("source_uri", "tag", "checksum"),
    "lacks its status": lacking("status"),
    "lacks its version": lacking("version"),
    "lacks its place": lacking("order", "op"),
    "a status of tomorrow": holding(status="archived"),
    "a size in words": holding(size="large"),
    "a time in words": holding(queued_at="yesterday"),
    "a count in words": holding(**{"count:sections": "many"}),
    "a future version": holding(v="99"),
    "no version": holding(v="x"),
    "another type": another_type,
}


@pytest.fixture(params=DAMAGE)
def damaged(request: pytest.FixtureRequest, state: State, raw: redis.Redis) -> str:
    job_id = queued(state)
    DAMAGE[request.param](raw, f"ingest:state:{job_id}")
    return job_id


def test_a_job_that_can_not_be_read_is_named_with_its_reason_and_the_others_are_listed(
    state: State, damaged: str
) -> None:
    good = queued(state)
    states, unreadable = state.jobs.survey(tag=TAG)
    assert [each.job.job_id for each in states] == [good]
    ((key, reason),) = [(each.key, each.reason) for each in unreadable]
    assert key == f"ingest:state:{damaged}"
    assert reason
    assert [each.job_id for each in state.jobs.unreadable()] == [damaged]
    assert [each.job.job_id for each in state.jobs.get_many([damaged, good])] == [good]
    with pytest.raises(StateUnreadableError, match=f"ingest:state:{damaged} is not the state of a job"):
        state.jobs.get(damaged)


def test_a_job_that_can_not_be_read_stops_no_claim_no_look_and_no_retention(state: State, damaged: str) -> None:
    good, ended = queued(state), running(state, "earlier")
    assert state.jobs.complete(ended, "earlier", Outcome.CREATED, {})
    assert {each.fields["job_id"] for each in state.jobs.waiting(0)} >= {good}
    assert damaged not in [each.job.job_id for each in state.jobs.claim(RUN, tag=TAG, job_ids=[damaged, good])]
    assert state.jobs.get(good).status is JobStatus.RUNNING
    assert state.jobs.claim("another", tag=TAG, job_ids=None) == []
    assert state.jobs.runs_with_live_jobs()[RUN] == [good]
    assert state.jobs.unreported_runs(10) == {"earlier": TAG}
    state.jobs.set_report([damaged, ended], "20261123T205200.123456Z")
    assert state.jobs.get(ended).report
    assert state.jobs.purge(-1) in {1, 2}, "the one that a run had to fail goes with it"


def test_a_document_whose_key_is_of_another_type_takes_no_job_and_leaves_none_behind(
    state: State, raw: redis.Redis
) -> None:
    job, other = new_job("upload:///guide.md"), new_job("upload:///other.md")
    key = f"ingest:document:{document_id(TAG, job.source_uri)}"
    raw.rpush(key, "mine")
    assert state.jobs.known_version([document_id(TAG, job.source_uri)]) == {}
    with pytest.raises(StateUnreadableError, match=f"{key} is no hash.*delete the key"):
        state.jobs.enqueue(job)
    assert not raw.exists(f"ingest:state:{job.job_id}")
    assert state.jobs.enqueue(other).job_id == other.job_id
    raw.delete(key)
    assert state.jobs.enqueue(job).job_id == job.job_id
    assert_consistent(raw)


@pytest.mark.parametrize("damage", ["lacks its request", "lacks its version", "a future version", "another type"])
def test_a_job_that_can_not_be_read_answers_for_no_request(state: State, raw: redis.Redis, damage: str) -> None:
    first, second = new_job("upload:///guide.md", "a"), new_job("upload:///guide.md", "a")
    state.jobs.enqueue(first)
    DAMAGE[damage](raw, f"ingest:state:{first.job_id}")
    assert state.jobs.enqueue(second).job_id == second.job_id
    assert [each.job.job_id for each in state.jobs.claim(RUN, tag=TAG, job_ids=None)] == [second.job_id]


def test_an_id_that_stands_for_something_else_is_given_to_no_rejected_entry(state: State, raw: redis.Redis) -> None:
    job = new_job("upload:///guide.md")
    raw.rpush(f"ingest:state:{job.job_id}", "mine")
    entry = state.jobs.post(job)
    (waiting,) = state.jobs.waiting(0)
    assert waiting.is_foreign
    assert state.jobs.reject(entry, waiting.fields, "job_id_in_use", "the id is in use") != job.job_id
    assert raw.lrange(f"ingest:state:{job.job_id}", 0, -1) == ["mine"]


@pytest.mark.parametrize("raw_value", ["no JSON", "[]", "{}", '{"fingerprint": "a", "artifact": "b", "items": "many"}'])
def test_a_checkpoint_that_can_not_be_read_is_none(state: State, raw: redis.Redis, raw_value: str) -> None:
    job_id = running(state)
    raw.hset(f"ingest:checkpoint:{job_id}", "parse", raw_value)
    assert state.jobs.checkpoint(job_id, "parse") is None
    assert state.jobs.checkpoints(job_id) == {}
    assert state.jobs.begin_stage(job_id, RUN, "parse").checkpoints == {}


def test_what_is_no_event_is_passed_over(state: State, raw: redis.Redis) -> None:
    good = in_status(state, JobStatus.COMPLETED)
    raw.xadd(f"ingest:events:{good}", {"hello": "world"})
    raw.hset("ingest:state:strange", mapping={"status": "archived"})

    async def followed() -> list[str]:
        return [record[2].status async for record in state.events.follow({good: "0-0", "strange": "0-0"}) if record]

    assert asyncio.run(followed())[-1] == "completed"


def test_a_verdict_of_another_type_hides_no_other(state: State, raw: redis.Redis) -> None:
    state.readiness.set("good", {"ready": "true"})
    state.readiness.set("bad", {"ready": "true"})
    another_type(raw, "ingest:ready:bad")
    assert list(state.readiness.all()) == ["good"]
