"""Signs of life on a real Redis."""

from __future__ import annotations

import time

import pytest
import redis

from docgraph.airflow.pulse import Pulse
from docgraph.state import State
from ingestion_service.liveness import Telling
from support.contract.state_helpers import RUN, queued, running


def test_a_sign_of_life_ages_and_a_failed_round_keeps_the_time_of_the_last_good_one(state: State) -> None:
    assert state.liveness.heartbeats() == {}
    state.liveness.tell("source:a", every=1.5)
    time.sleep(0.05)
    state.liveness.tell("source:a", every=1.5, error="not mounted", claimed_age=7.0)
    told = state.liveness.heartbeats()["source:a"]
    assert (told.every, told.error) == (1.5, "not mounted")
    assert told.good_age is not None
    assert told.age < 0.05 <= told.good_age < 5
    assert told.claimed_age == pytest.approx(7.0, abs=1.0)
    state.liveness.tell("source:a", every=1.5)
    good = state.liveness.heartbeats()["source:a"]
    assert (good.error, good.claimed_age) == ("", None)
    assert good.good_age == good.age


def test_what_never_succeeded_says_so(state: State) -> None:
    state.liveness.tell("source:a", every=1.0, error="no such bucket")
    assert state.liveness.heartbeats()["source:a"].good_age is None


@pytest.mark.parametrize("foreign", ["", "no JSON", "[]", "7", '{"at": 1}', '{"good": "x", "at": [], "claimed": null}'])
def test_what_another_program_wrote_hides_no_other_sign_and_is_written_over(
    state: State, raw: redis.Redis, foreign: str
) -> None:
    raw.hset("ingest:heartbeats", "source:a", foreign)
    state.liveness.tell("source:b", every=1.0)
    assert set(state.liveness.heartbeats()) == {"source:b"}
    state.liveness.tell("source:a", every=1.0, error="still failing")
    assert state.liveness.heartbeats()["source:a"].error == "still failing"


def test_movement_tells_what_waits_what_runs_and_when_something_ended(state: State) -> None:
    still = state.liveness.movement()
    assert (still.oldest_unclaimed, still.running, still.last_ended) == (None, (), None)
    job_id = running(state)
    queued(state)
    time.sleep(0.1)
    moving = state.liveness.movement()
    assert moving.oldest_unclaimed is not None
    assert 0.1 <= moving.oldest_unclaimed < 5
    [job] = moving.running
    assert (job.job_id, job.run_id) == (job_id, RUN)
    assert 0.1 <= job.quiet < 5
    state.events.append(job_id, "embed", "running", done=3, total=10, unit="sections")
    assert state.liveness.movement().running[0].quiet < job.quiet
    assert state.jobs.fail(job_id, run_id=RUN, code="empty", message="no text")
    ended = state.liveness.movement()
    assert ended.running == ()
    assert ended.last_ended is not None
    assert ended.last_ended < 5


def test_an_event_is_the_last_that_was_heard_of_a_job(state: State) -> None:
    job_id = running(state)
    before = state.jobs.get(job_id).updated_at
    time.sleep(0.002)
    state.events.append(job_id, "embed", "running", done=3, total=10, unit="sections")
    assert state.jobs.get(job_id).updated_at > before


def test_a_running_job_without_a_hash_or_events_hides_no_other(state: State, raw: redis.Redis) -> None:
    job_id = running(state)
    raw.zadd("ingest:index:status:running", {"gone": 1})
    assert [job.job_id for job in state.liveness.movement().running] == [job_id]


def test_a_round_that_fails_in_any_way_is_told_with_its_error_and_raised_and_so_is_the_next_good_one(
    state: State,
) -> None:
    errors = iter([None, ValueError("Invalid IPv6 URL"), None])

    def tick() -> None:
        if error := next(errors):
            raise error

    telling = Telling("duty:dispatcher", 1.0, tick, state.liveness)
    telling()
    good = state.liveness.heartbeats()["duty:dispatcher"]
    assert (good.error, good.every) == ("", 1.0)
    with pytest.raises(ValueError, match="Invalid IPv6 URL"):
        telling()
    assert state.liveness.heartbeats()["duty:dispatcher"].error == "Invalid IPv6 URL"
    telling()
    assert state.liveness.heartbeats()["duty:dispatcher"].error == ""


def test_many_looks_are_few_signs_and_a_change_is_told_at_once(state: State) -> None:
    pulse = Pulse(state)

    def told(**more: object) -> str:
        pulse.beat("a", 1.0, **more)  # type: ignore[arg-type]
        deadline = time.monotonic() + 5
        while pulse.is_telling("a") and time.monotonic() < deadline:
            time.sleep(0.002)
        return state.liveness.heartbeats()["source:a"].error

    assert told() == ""
    first = state.liveness.heartbeats()["source:a"].age
    time.sleep(0.05)
    told()
    assert state.liveness.heartbeats()["source:a"].age > first
    assert told(error="not mounted") == "not mounted"
    assert told() == ""
