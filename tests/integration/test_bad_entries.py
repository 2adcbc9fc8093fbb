"""What is bad costs its own entry a clear reason and the others nothing, at each of the service's entry points."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import redis

from docgraph.state import State
from support.contract.state_helpers import new_job
from support.integration.service_process import Sidecar, http, own_redis_url, sidecar, state

__all__ = ["http", "own_redis_url", "sidecar", "state"]

BAD_ADDRESSES = ("https://[::1", "x:" + "a" * 100_000, "\x00:\x00", "http://ex\u2100ample/", "no scheme")


def wait_for(wanted: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not wanted():
        assert time.monotonic() < deadline, f"not within 30 s: {what}"
        time.sleep(0.2)


@pytest.fixture
def tag() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


def test_bad_entries_of_the_stream_are_set_aside_and_the_good_ones_beside_them_are_taken_in(
    http: httpx.Client, state: State, own_redis_url: str, tag: str
) -> None:
    content = uuid.uuid4().bytes
    http.post("/v1/snapshots", content=content).raise_for_status()
    entry = {"source_uri": "upload:///good.md", "tag": tag, "checksum": hashlib.sha256(content).hexdigest()}
    damaged = {"content_type": "x" * 3_000}, {"created_at": "then"}, {"op": "explode"}, {"job_id": "7"}, {"tag": "\x00"}
    changes = [*({"source_uri": each} for each in BAD_ADDRESSES), *damaged]
    good: list[str] = []
    with redis.Redis.from_url(own_redis_url) as client:
        for number, change in enumerate(changes):
            good.append(str(uuid.uuid4()))
            client.xadd("ingest:jobs", {**entry, "job_id": good[-1], "source_uri": f"upload:///good{number}.md"})
            client.xadd("ingest:jobs", {**entry, "job_id": str(uuid.uuid4()), **change})
        wait_for(lambda: len(state.jobs.get_many(good)) == len(good), "the good entries are jobs")
        wait_for(lambda: client.xlen("ingest:jobs") == len(good), "only the good entries wait")
    assert {each.status for each in state.jobs.get_many(good)} == {"queued"}
    failed = [
        each
        for each in state.jobs.find(limit=1_000)
        if each.job.job_id not in good and each.error_code == "document_error"
    ]
    assert len(failed) >= len(changes)
    kept = {each.fields["source_uri"]: each for each in state.quarantine.all()}
    assert set(BAD_ADDRESSES) <= set(kept)
    for address in BAD_ADDRESSES:
        assert "is not a valid address" in kept[address].reason


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_bad_address_is_the_callers_mistake_everywhere(http: httpx.Client, tag: str, address: str) -> None:
    sha256 = http.post("/v1/snapshots", content=b"text").json()["sha256"]
    job = {"source_uri": address, "tag": tag, "checksum": sha256}
    for body in ({**job, "content_type": "text/markdown"}, job, {**job, "op": "delete"}):
        assert http.post("/v1/jobs", json={"jobs": [body]}).status_code == 422
    assert http.get("/v1/jobs", params={"tag": tag}).json()["jobs"] == []
    if len(address) < 10_000:
        answer = http.get("/v1/explain", params={"uri": address})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_query")


def test_jobs_that_can_not_be_read_are_named_and_the_others_are_taken_in_and_listed(
    http: httpx.Client, state: State, own_redis_url: str, tag: str
) -> None:
    content = uuid.uuid4().bytes
    http.post("/v1/snapshots", content=content).raise_for_status()
    entry = {"tag": tag, "checksum": hashlib.sha256(content).hexdigest()}
    bad, good = [str(uuid.uuid4()) for _ in range(4)], [str(uuid.uuid4()) for _ in range(4)]
    with redis.Redis.from_url(own_redis_url) as client:
        for job_id in bad:
            client.xadd("ingest:jobs", {**entry, "job_id": job_id, "source_uri": f"upload:///{job_id}.md"})
        wait_for(lambda: len(state.jobs.get_many(bad)) == len(bad), "the jobs are queued")
        lacking, future, worded, other = (f"ingest:state:{job_id}" for job_id in bad)
        client.hdel(lacking, "source_uri")
        client.hset(future, "v", "99")
        client.hset(worded, "queued_at", "yesterday")
        client.delete(other)
        client.rpush(other, "mine")
        for job_id in good:
            client.xadd("ingest:jobs", {**entry, "job_id": job_id, "source_uri": f"upload:///{job_id}.md"})
        wait_for(lambda: len(state.jobs.get_many(good)) == len(good), "the good entries are jobs")
    answer = http.get("/v1/jobs", params={"tag": tag, "limit": 1_000}).raise_for_status().json()
    assert set(good) <= {job["job_id"] for job in answer["jobs"]}
    reasons = {each["key"]: each["reason"] for each in answer["unreadable"]}
    assert set(reasons) == {lacking, future, worded, other}
    assert "'source_uri' is missing" in reasons[lacking]
    assert "newer docgraph" in reasons[future]
    assert "yesterday" in reasons[worded]
    assert "another type" in reasons[other]
    for job_id in bad:
        shown = http.get(f"/v1/jobs/{job_id}")
        assert (shown.status_code, shown.json()["error"]["code"]) == (409, "state_unreadable")
    assert http.get("/metrics").status_code == 200


def test_what_was_set_aside_at_any_entry_point_is_listed_put_back_or_dropped(
    http: httpx.Client, sidecar: Sidecar, state: State, own_redis_url: str, tag: str
) -> None:
    bad, worn = str(uuid.uuid4()), state.jobs.enqueue(new_job(tag=tag)).job_id
    far = sidecar.home / "ingest" / "watch" / "x" / ("/".join(["y" * 200] * 19))
    with redis.Redis.from_url(own_redis_url) as client:
        client.hset(f"ingest:state:{worn}", "v", "99")
        client.xadd("ingest:jobs", {"job_id": bad, "source_uri": "https://[::1", "tag": tag})
    build_deep(far)

    def entries() -> dict[str, dict[str, str]]:
        return {each["name"]: each for each in http.get("/v1/quarantine").raise_for_status().json()["entries"]}

    wait_for(lambda: any(each["job_id"] == bad for each in entries().values()), "the entry is set aside")
    kept = next(each for each in entries().values() if each["job_id"] == bad)
    assert http.get(f"/v1/quarantine/{kept['id']}").json() == kept
    assert http.post(f"/v1/quarantine/{kept['id']}/retry").status_code == 200
    wait_for(
        lambda: any(each["job_id"] == bad and each["id"] != kept["id"] for each in entries().values()),
        "it is set aside anew",
    )
    again = next(each for each in entries().values() if each["job_id"] == bad)
    assert http.post(f"/v1/quarantine/{again['id']}/drop").status_code == 200
    assert http.post(f"/v1/quarantine/{again['id']}/drop").status_code == 404

    key = entries()[f"ingest:state:{worn}"]
    assert (key["door"], "newer docgraph" in key["reason"]) == ("state", True)
    assert http.post(f"/v1/quarantine/{key['id']}/retry").status_code == 409
    assert http.post(f"/v1/quarantine/{key['id']}/drop").status_code == 200
    assert f"ingest:state:{worn}" not in entries()

    (file,) = [each for each in entries().values() if each["door"] == "watch"]
    assert "too long" in file["reason"]
    for way in ("retry", "drop"):
        assert http.post(f"/v1/quarantine/{file['id']}/{way}").status_code == 409


def build_deep(folder: Path) -> None:
    """Make a folder and a file in it whose path is nearly as long as a path can be."""
    folder.mkdir(parents=True)
    (folder / ("z" * (4_060 - len(str(folder))))).write_text("# Far\n")
