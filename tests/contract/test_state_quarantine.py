"""Entries of the stream that nothing can be made of: kept as they came, with their reason, until a person decides."""

from __future__ import annotations

import pytest
import redis

from docgraph.domain.jobs import JobStatus, new_job_id
from docgraph.domain.quarantine import Door
from docgraph.state import State
from support.contract.state_helpers import TAG, append, assert_consistent

BAD_ADDRESSES = ("https://[::1", "x:" + "a" * 100_000, "\x00:\x00", "no scheme", "http://ex\u2100ample/")


def set_aside(state: State, raw: redis.Redis, source_uri: str) -> str:
    append(raw, {"job_id": new_job_id(), "source_uri": source_uri, "tag": TAG, "checksum": "ab" * 32, "op": "upsert"})
    (entry,) = state.jobs.waiting(0)
    return state.jobs.reject(entry.entry_id, entry.fields, "document_error", "not a valid address")


@pytest.mark.parametrize("source_uri", BAD_ADDRESSES)
def test_an_entry_without_a_usable_address_is_kept_as_it_came_with_its_reason(
    state: State, raw: redis.Redis, source_uri: str
) -> None:
    job_id = set_aside(state, raw, source_uri)
    (kept,) = state.quarantine.all()
    assert (kept.door, kept.code, kept.reason, kept.job_id) == (
        Door.STREAM,
        "document_error",
        "not a valid address",
        job_id,
    )
    assert kept.fields["source_uri"] == source_uri
    assert kept == state.quarantine.get(kept.id)
    assert state.jobs.waiting(0) == []
    found = state.jobs.get(job_id)
    assert (found.status, found.document_id, len(found.job.source_uri) <= 6_000) == (JobStatus.FAILED, "", True)
    assert_consistent(raw)


def test_bytes_that_are_no_text_are_kept_as_they_came(state: State, raw: redis.Redis) -> None:
    append(raw, {b"job_id": b"\xff\xfe", b"tag": b"\x00"})
    (entry,) = state.jobs.waiting(0)
    state.jobs.reject(entry.entry_id, entry.fields, "document_error", "no address")
    (kept,) = state.quarantine.all()
    assert state.quarantine.retry(kept.id)
    with _binary(raw) as binary:
        ((_, fields),) = binary.xrange("ingest:jobs")
    assert fields == {b"job_id": b"\xff\xfe", b"tag": b"\x00"}


def _binary(raw: redis.Redis) -> redis.Redis:
    known = raw.connection_pool.connection_kwargs
    return redis.Redis(known["host"], known["port"], known["db"], password=known.get("password"))


def test_a_retry_puts_the_entry_back_and_its_job_id_can_be_used_again(state: State, raw: redis.Redis) -> None:
    job_id = set_aside(state, raw, "https://[::1")
    (kept,) = state.quarantine.all()
    assert state.quarantine.retry(kept.id)
    (entry,) = state.jobs.waiting(0)
    assert (entry.fields, entry.is_foreign) == (dict(kept.fields), True)
    assert (state.quarantine.all(), state.jobs.find()) == ([], [])
    assert not state.quarantine.retry(kept.id)
    assert state.jobs.reject(entry.entry_id, entry.fields, "document_error", "still none") == job_id
    assert_consistent(raw)


def test_what_is_dropped_is_gone_and_its_failed_job_stays(state: State, raw: redis.Redis) -> None:
    job_id = set_aside(state, raw, "https://[::1")
    (kept,) = state.quarantine.all()
    assert state.quarantine.drop(kept.id)
    assert not state.quarantine.drop(kept.id)
    assert (state.quarantine.all(), state.quarantine.get(kept.id), state.jobs.waiting(0)) == ([], None, [])
    assert state.jobs.get(job_id).error_code == "document_error"


def test_an_entry_whose_job_can_be_resumed_is_not_set_aside_beside_it(state: State, raw: redis.Redis) -> None:
    set_aside(state, raw, "upload:///guide.md")
    assert state.quarantine.all() == []


def test_retention_removes_what_was_set_aside_long_ago(state: State, raw: redis.Redis) -> None:
    set_aside(state, raw, "https://[::1")
    assert state.quarantine.purge(3600) == 0
    assert state.quarantine.purge(-1) == 1
    assert state.quarantine.all() == []
