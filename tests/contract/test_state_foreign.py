"""Entries that other programs add to `ingest:jobs` with nothing but XADD: seen, taken in or turned away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
import redis

from docgraph.domain.errors import IllegalTransitionError
from docgraph.domain.jobs import Job, JobStatus
from docgraph.state import State
from support.contract.state_helpers import RUN, TAG, append, assert_consistent, new_job, queued

URI = "upload:///guide.md"


def xadd(raw: redis.Redis, job: Job, **changes: str) -> tuple[str, dict[str, str]]:
    fields = {
        "job_id": job.job_id,
        "source_uri": job.source_uri,
        "content_type": job.content_type,
        "checksum": job.checksum,
        "tag": job.tag,
        "created_at": job.created_at,
        **changes,
    }
    return append(raw, fields), fields


def test_what_waits_is_listed_oldest_first_with_its_age(state: State, raw: redis.Redis) -> None:
    own = queued(state)
    entry_id, fields = xadd(raw, new_job())
    time.sleep(0.05)
    first, second = state.jobs.waiting(0)
    assert (first.fields["job_id"], first.status, first.is_foreign) == (own, "queued", False)
    assert (second.entry_id, second.fields, second.is_foreign) == (entry_id, fields, True)
    assert 0.05 <= second.age_seconds < 5
    assert state.jobs.waiting(5) == []
    assert state.jobs.waiting(0, limit=1) == [first] or state.jobs.waiting(0, limit=1)[0].entry_id == first.entry_id


def test_a_claimed_job_waits_no_longer(state: State) -> None:
    state.jobs.claim(RUN, tag=TAG, job_ids=[queued(state)])
    assert state.jobs.waiting(0) == []


def test_an_admitted_entry_becomes_a_job_and_stays_in_the_stream_until_claimed(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    entry_id, _ = xadd(raw, job)
    enqueued = state.jobs.admit(entry_id, job)
    assert (enqueued.job_id, enqueued.deduplicated) == (job.job_id, False)
    assert [(each.entry_id, each.status) for each in state.jobs.waiting(0)] == [(entry_id, "queued")]
    assert_consistent(raw)
    assert state.jobs.claim(RUN, tag=TAG, job_ids=[job.job_id])[0].status is JobStatus.RUNNING
    assert raw.xlen("ingest:jobs") == 0


def test_admitting_twice_is_admitting_once(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    entry_id, _ = xadd(raw, job)
    assert state.jobs.admit(entry_id, job) == state.jobs.admit(entry_id, job)
    assert len(state.jobs.find()) == raw.xlen("ingest:jobs") == 1
    assert_consistent(raw)


def test_the_same_job_added_twice_leaves_one_entry(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    first, _ = xadd(raw, job)
    second, _ = xadd(raw, job)
    state.jobs.admit(first, job)
    state.jobs.admit(second, job)
    assert [each.entry_id for each in state.jobs.waiting(0)] == [first]
    assert_consistent(raw)


@pytest.mark.parametrize("content", ["a", "b"], ids=["the same request", "another request"])
@pytest.mark.parametrize("ended", [False, True], ids=["queued", "ended"])
def test_an_entry_with_the_id_of_a_job_that_has_its_own_is_no_job_that_waits(
    state: State, raw: redis.Redis, content: str, ended: bool
) -> None:
    job = new_job(URI, "a")
    state.jobs.enqueue(job)
    if ended:
        state.jobs.claim(RUN, tag=TAG, job_ids=[job.job_id])
        state.jobs.fail(job.job_id, code="document_error", message="for the test", run_id=RUN)
    entry_id, fields = xadd(raw, new_job(URI, content), job_id=job.job_id)
    waiting = {each.entry_id: each for each in state.jobs.waiting(0)}
    assert waiting[entry_id].is_foreign, "nobody would ever look at it, and it would wait for ever"
    again = replace(new_job(URI, content), job_id=job.job_id)
    if content == "a":
        state.jobs.admit(entry_id, again)
    else:
        with pytest.raises(IllegalTransitionError, match="in use for another request"):
            state.jobs.admit(entry_id, again)
        assert state.jobs.reject(entry_id, fields, "job_id_in_use", "the id is in use") != job.job_id
    assert [each.fields["job_id"] for each in state.jobs.waiting(0)] == ([] if ended else [job.job_id])


def test_an_entry_for_which_a_queued_job_answers_is_removed(state: State, raw: redis.Redis) -> None:
    own = queued(state, URI, "a")
    job = new_job(URI, "a")
    entry_id, _ = xadd(raw, job)
    enqueued = state.jobs.admit(entry_id, job)
    assert (enqueued.job_id, enqueued.deduplicated) == (own, True)
    assert [each.fields["job_id"] for each in state.jobs.waiting(0)] == [own]
    assert_consistent(raw)


def test_an_admitted_entry_supersedes_as_any_request_does(state: State, raw: redis.Redis) -> None:
    own = queued(state, URI, "a")
    job = new_job(URI, "b")
    entry_id, _ = xadd(raw, job)
    assert state.jobs.admit(entry_id, job).superseded == (own,)
    assert_consistent(raw)


def test_an_entry_of_a_job_that_runs_already_is_removed(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    state.jobs.enqueue(job)
    state.jobs.claim(RUN, tag=TAG, job_ids=[job.job_id])
    entry_id, _ = xadd(raw, job)
    state.jobs.admit(entry_id, job)
    assert state.jobs.waiting(0) == []
    assert state.jobs.get(job.job_id).status is JobStatus.RUNNING


def test_an_entry_that_vanished_meanwhile_is_admitted_with_one_of_its_own(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    entry_id, _ = xadd(raw, job)
    raw.xdel("ingest:jobs", entry_id)
    state.jobs.admit(entry_id, job)
    assert [each.fields["job_id"] for each in state.jobs.waiting(0)] == [job.job_id]
    assert_consistent(raw)


def test_a_rejected_entry_leaves_a_failed_job_that_says_why(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    entry_id, fields = xadd(raw, job)
    assert state.jobs.reject(entry_id, fields, "snapshot_missing", "upload it first") == job.job_id
    found = state.jobs.get(job.job_id)
    assert (found.status, found.error_code, found.error) == (JobStatus.FAILED, "snapshot_missing", "upload it first")
    assert state.jobs.waiting(0) == []
    assert_consistent(raw)


def test_rejecting_twice_is_rejecting_once(state: State, raw: redis.Redis) -> None:
    entry_id, fields = xadd(raw, new_job(URI))
    assert state.jobs.reject(entry_id, fields, "x", "y") == state.jobs.reject(entry_id, fields, "x", "y") != ""
    assert len(state.jobs.find()) == 1
    raw.xadd("ingest:jobs", {"other": "entry"})
    assert state.jobs.reject("1-1", {}, "x", "y") == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"hello": "world"},
        {"job_id": "", "tag": "NOT A TAG", "source_uri": "x", "op": "explode"},
        {"job_id": "j" * 10_000, "tag": TAG, "source_uri": "", "checksum": "c" * 100_000},
        {b"job_id": b"\xff\xfe", b"tag": b"\x00"},
    ],
)
def test_any_rubbish_can_be_listed_and_rejected(
    state: State, raw: redis.Redis, fields: Mapping[str, str] | Mapping[bytes, bytes]
) -> None:
    append(raw, fields)
    (entry,) = state.jobs.waiting(0)
    assert entry.is_foreign
    job_id = state.jobs.reject(entry.entry_id, entry.fields, "malformed", "not the job schema")
    assert state.jobs.get(job_id).error_code == "malformed"
    assert state.jobs.waiting(0) == []
    assert [each.job.job_id for each in state.jobs.find()] == [job_id]
    with pytest.raises(IllegalTransitionError, match="no usable tag or address"):
        state.jobs.resume(job_id)


def test_a_rejection_never_touches_another_job_of_that_id(state: State, raw: redis.Redis) -> None:
    own = queued(state)
    entry_id, fields = xadd(raw, new_job(URI), job_id=own)
    rejected = state.jobs.reject(entry_id, fields, "taken", "the id is in use")
    assert rejected != own
    assert state.jobs.get(own).status is JobStatus.QUEUED
    assert_consistent(raw)


def test_a_rejected_job_can_be_resumed_once_its_reason_is_gone(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    entry_id, fields = xadd(raw, job)
    state.jobs.reject(entry_id, fields, "snapshot_missing", "upload it first")
    resumed = state.jobs.resume(job.job_id)
    assert (resumed.status, resumed.attempt) == (JobStatus.QUEUED, 2)
    assert resumed.job.version > 0
    assert state.jobs.known_version([resumed.document_id]) == {resumed.document_id: resumed.job.version}
    assert_consistent(raw)


def test_a_posted_request_is_what_another_program_would_add(state: State, raw: redis.Redis) -> None:
    job = new_job(URI)
    entry_id = state.jobs.post(job)
    (entry,) = state.jobs.waiting(0)
    assert (entry.entry_id, entry.is_foreign) == (entry_id, True)
    assert state.jobs.admit(entry_id, job).job_id == job.job_id
    assert_consistent(raw)


def test_a_rejected_request_is_reported_by_the_run_that_names_it(state: State, raw: redis.Redis) -> None:
    good, bad = queued(state), new_job(URI)
    entry_id, fields = xadd(raw, bad)
    state.jobs.reject(entry_id, fields, "snapshot_missing", "upload it first")
    for _ in range(2):
        held = state.jobs.claim(RUN, tag=TAG, job_ids=[good, bad.job_id])
        assert {each.job.job_id: each.status for each in held} == {
            good: JobStatus.RUNNING,
            bad.job_id: JobStatus.FAILED,
        }
    assert state.jobs.claim("another", tag=TAG, job_ids=[bad.job_id]) == []
    assert_consistent(raw)
