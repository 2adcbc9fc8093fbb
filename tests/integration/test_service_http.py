"""The sidecar's HTTP, asked from outside: a real process beside a real Redis, with everything else away."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from docgraph.api.report_links import signature
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import Outcome
from docgraph.state import State
from support.integration.service_process import TOKEN, Sidecar, free_port, http, own_redis_url, sidecar, state

__all__ = ["http", "own_redis_url", "sidecar", "state"]


@pytest.fixture
def tag() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


def upload(http: httpx.Client, content: bytes) -> str:
    return str(http.post("/v1/snapshots", content=content).raise_for_status().json()["sha256"])


def post_job(http: httpx.Client, tag: str, name: str = "a.md", content: bytes | None = None) -> dict[str, Any]:
    checksum = upload(http, content if content is not None else uuid.uuid4().bytes)
    body = {"jobs": [{"source_uri": f"upload:///{name}", "tag": tag, "checksum": checksum}], "trigger": False}
    return dict(http.post("/v1/jobs", json=body).raise_for_status().json()["jobs"][0])


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_health_metrics_and_readiness_need_no_token(sidecar: Sidecar) -> None:
    with httpx.Client(base_url=sidecar.url, trust_env=False, timeout=30) as anybody:
        assert anybody.get("/health").json()["status"] == "ok"
        assert "docgraph_jobs" in anybody.get("/metrics").text
        assert anybody.get("/ready").status_code == 503


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/reports", "/v1/datasets", "/v1/sources", "/v1/gate", "/v1/events?job=x"]
)
def test_everything_else_needs_the_token(sidecar: Sidecar, path: str) -> None:
    with sidecar.client("wrong") as stranger:
        assert error_of(stranger.get(path)) == (401, "unauthorized")
        assert stranger.get(path).headers["www-authenticate"] == "Bearer"


def test_without_a_token_in_the_settings_it_does_not_start(tmp_path: Path, own_redis_url: str) -> None:
    open_to_all = Sidecar(tmp_path, own_redis_url, {"DOCGRAPH_TOKEN": ""})
    with pytest.raises(AssertionError, match="DOCGRAPH_TOKEN is empty"):
        open_to_all.start()


def test_readiness_names_what_is_away_and_answers_in_time(http: httpx.Client) -> None:
    started = time.monotonic()
    answer = http.get("/ready")
    assert time.monotonic() - started < 6
    checks = answer.json()["checks"]
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert checks["redis"]["ok"]
    for store in ("neo4j", "qdrant", "embedder", "airflow"):
        assert not checks[store]["ok"]
        assert checks[store]["error"]


def test_readiness_of_a_dataset_carries_its_last_verdict(http: httpx.Client, state: State, tag: str) -> None:
    assert http.get("/ready", params={"tag": tag}).json()["dataset"] is None
    state.readiness.set(tag, {"ready": "false", "reasons": "no_documents", "drift_pct": "0.25"})
    assert http.get("/ready", params={"tag": tag}).json()["dataset"]["reasons"] == "no_documents"
    metrics = http.get("/metrics").text
    assert f'docgraph_dataset_ready{{tag="{tag}"}} 0.0' in metrics
    assert f'docgraph_dataset_drift_pct{{tag="{tag}"}} 0.25' in metrics


def test_bytes_are_kept_under_their_hash(http: httpx.Client) -> None:
    content = b"# Title\n\nText.\n" * 1000
    answer = http.post("/v1/snapshots", content=content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert (answer.status_code, answer.json()) == (201, {"sha256": sha256, "size": len(content)})
    assert http.head(f"/v1/snapshots/{sha256}").status_code == 200
    assert http.head(f"/v1/snapshots/{'0' * 64}").status_code == 404
    assert http.head("/v1/snapshots/..%2f..%2fetc").status_code == 404


def test_bytes_above_the_limit_are_refused_announced_or_not(http: httpx.Client) -> None:
    def unannounced() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    assert error_of(http.post("/v1/snapshots", content=b"x" * 1_000_001)) == (413, "too_large")
    assert error_of(http.post("/v1/snapshots", content=unannounced())) == (413, "too_large")


def test_a_job_stays_queued_while_airflow_is_away_and_the_answer_says_so(http: httpx.Client, tag: str) -> None:
    checksum = upload(http, b"some text")
    job = {"source_uri": "upload:///Guide%20A.md", "tag": tag, "checksum": checksum}
    answer = http.post("/v1/jobs", json={"jobs": [job], "trigger": True})
    content = answer.json()
    assert answer.status_code == 202
    assert content["runs"] == [{"tag": tag, "run_id": None}]
    assert "Airflow" in content["note"]
    posted = content["jobs"][0]
    assert posted["document_id"] == document_id(tag, "upload:///Guide%20A.md")
    assert posted["deduplicated"] is False
    shown = http.get(f"/v1/jobs/{posted['job_id']}").json()
    assert (shown["status"], shown["size"], shown["content_type"]) == ("queued", 9, "text/markdown")
    assert (shown["counts"], shown["checkpoints"]) == ({}, {})


def test_the_same_request_twice_is_one_job_and_newer_content_supersedes_it(http: httpx.Client, tag: str) -> None:
    first = post_job(http, tag, content=b"one")
    again = post_job(http, tag, content=b"one")
    newer = post_job(http, tag, content=b"two")
    assert (again["job_id"], again["deduplicated"]) == (first["job_id"], True)
    assert newer["superseded"] == [first["job_id"]]
    assert [job["job_id"] for job in http.get("/v1/jobs", params={"tag": tag}).json()["jobs"]] == [
        newer["job_id"],
        first["job_id"],
    ]
    queued = http.get("/v1/jobs", params={"tag": tag, "status": "queued"}).json()["jobs"]
    assert [job["job_id"] for job in queued] == [newer["job_id"]]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"tag": "Not A Tag"}, 422, "document_error"),
        ({"checksum": "0" * 64}, 422, "snapshot_missing"),
        ({"checksum": ""}, 422, "document_error"),
        ({"checksum": "xyz"}, 422, "invalid_request"),
        ({"source_uri": "no scheme"}, 422, "unsupported_format"),
        ({"source_uri": "no scheme", "content_type": "text/markdown"}, 422, "document_error"),
        ({"source_uri": "upload:///picture.png"}, 422, "unsupported_format"),
        ({"op": "rename"}, 422, "invalid_request"),
        ({"version": 7}, 422, "invalid_request"),
    ],
)
def test_a_request_that_cannot_be_worked_off_is_refused_whole(
    http: httpx.Client, tag: str, change: dict[str, Any], status: int, code: str
) -> None:
    good = {"source_uri": "upload:///good.md", "tag": tag, "checksum": upload(http, b"good")}
    answer = http.post("/v1/jobs", json={"jobs": [good, {**good, "source_uri": "upload:///bad.md", **change}]})
    assert error_of(answer) == (status, code)
    assert http.get("/v1/jobs", params={"tag": tag}).json()["jobs"] == []


def test_a_deletion_needs_no_bytes(http: httpx.Client, tag: str) -> None:
    body = {"jobs": [{"source_uri": "upload:///a.md", "tag": tag, "op": "delete"}], "trigger": False}
    job = http.post("/v1/jobs", json=body).raise_for_status().json()["jobs"][0]
    assert http.get(f"/v1/jobs/{job['job_id']}").json()["op"] == "delete"


def test_a_job_is_cancelled_once_and_resumed_as_its_next_attempt(http: httpx.Client, tag: str) -> None:
    path = f"/v1/jobs/{post_job(http, tag)['job_id']}"
    assert http.post(f"{path}/cancel").json()["status"] == "cancelled"
    assert error_of(http.post(f"{path}/cancel")) == (409, "illegal_transition")
    resumed = http.post(f"{path}/resume")
    assert (resumed.status_code, resumed.json()["status"], resumed.json()["attempt"]) == (202, "queued", 2)
    assert resumed.json()["run_id"] is None
    assert "Airflow" in resumed.json()["note"]
    assert error_of(http.post(f"{path}/resume")) == (409, "illegal_transition")


@pytest.mark.parametrize("call", ["GET /v1/jobs/{}", "POST /v1/jobs/{}/cancel", "POST /v1/jobs/{}/resume"])
def test_an_unknown_job_is_said_to_be_unknown(http: httpx.Client, call: str) -> None:
    method, path = call.format(uuid.uuid4()).split()
    assert error_of(http.request(method, path)) == (404, "job_not_found")


def test_jobs_of_a_run_are_listed(http: httpx.Client, state: State, tag: str) -> None:
    job_id = post_job(http, tag)["job_id"]
    post_job(http, tag, "b.md")
    state.jobs.claim(f"run-{tag}", tag=tag, job_ids=[job_id])
    listed = http.get("/v1/jobs", params={"run_id": f"run-{tag}"}).json()["jobs"]
    assert [(job["job_id"], job["status"]) for job in listed] == [(job_id, "running")]


def lines_of(response: httpx.Response) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (event, id, data) of a stream."""
    event = identifier = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("id: "):
            identifier = line.removeprefix("id: ")
        elif line.startswith("data: "):
            yield event, identifier, json.loads(line.removeprefix("data: "))


def test_progress_is_streamed_until_all_jobs_have_ended(http: httpx.Client, state: State, tag: str) -> None:
    one, two = post_job(http, tag)["job_id"], post_job(http, tag, "b.md")["job_id"]
    run_id = f"run-{tag}"

    def work() -> None:
        time.sleep(0.3)
        state.jobs.claim(run_id, tag=tag, job_ids=[one, two])
        state.events.append(one, "embed", "running", done=3, total=9, unit="sections")
        state.jobs.complete(one, run_id, Outcome.CREATED, {"sections": 9})
        time.sleep(0.3)
        state.jobs.fail(two, run_id=run_id, code="empty", message="no text")

    worker = threading.Thread(target=work)
    worker.start()
    with http.stream("GET", "/v1/events", params=[("job", one), ("job", two)]) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        seen = list(lines_of(response))
    worker.join()
    assert seen[-1][0] == "end"
    progress = [(data["job_id"], data["status"]) for event, _, data in seen if event == "progress"]
    assert progress[-3:] == [(one, "running"), (one, "completed"), (two, "failed")]
    numbers = [data["seq"] for event, _, data in seen if event == "progress" and data["job_id"] == one]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_broken_stream_goes_on_after_any_event_without_loss_or_repetition(
    http: httpx.Client, state: State, tag: str
) -> None:
    jobs = [post_job(http, tag, f"{number}.md")["job_id"] for number in range(3)]
    # One script writes the events of all three: they carry the same time.
    state.jobs.claim(f"run-{tag}", tag=tag, job_ids=jobs)
    for job_id in jobs:
        state.jobs.complete(job_id, f"run-{tag}", Outcome.UNCHANGED, {})
    names = [("job", job_id) for job_id in jobs]

    def read(after: str = "") -> list[tuple[str, int]]:
        headers = {"Last-Event-ID": after} if after else {}
        with http.stream("GET", "/v1/events", params=names, headers=headers) as response:
            found = list(lines_of(response))
            identifiers.extend(identifier for event, identifier, _ in found if event == "progress")
            return [(data["job_id"], data["seq"]) for event, _, data in found if event == "progress"]

    identifiers: list[str] = []
    whole = read()
    assert len(whole) == len(set(whole)) == 9
    for position, identifier in enumerate(list(identifiers)):
        assert read(identifier) == whole[position + 1 :]


def test_a_stream_of_unknown_jobs_or_from_a_foreign_cursor_is_refused(http: httpx.Client, tag: str) -> None:
    job_id = post_job(http, tag)["job_id"]
    assert error_of(http.get("/v1/events", params={"job": str(uuid.uuid4())})) == (404, "job_not_found")
    assert error_of(http.get("/v1/events", params={"job": job_id, "after": "yesterday"})) == (422, "bad_cursor")


def test_sigterm_ends_an_open_stream_at_once(tmp_path: Path, own_redis_url: str, tag: str) -> None:
    own = Sidecar(tmp_path, own_redis_url)
    own.start()
    with own.client() as client:
        job_id = post_job(client, tag)["job_id"]
        with client.stream("GET", "/v1/events", params={"job": job_id}) as response:
            assert next(lines_of(response))[2]["job_id"] == job_id
            assert own.stop() < 4.0
    assert "Traceback" not in own.log()


def test_the_gate_is_moved_by_hand_and_then_left_alone(http: httpx.Client, state: State) -> None:
    closed = http.post("/v1/gate", json={"state": "closed", "reason": "maintenance"}).json()
    assert (closed["open"], closed["state"], closed["reason"]) == (False, "closed", "maintenance")
    # The gatekeeper probes every two seconds; nothing it sees opens a gate that a person closed.
    time.sleep(2.5)
    assert state.gate.state().reason == "maintenance"
    assert "docgraph_gate_open 0.0" in http.get("/metrics").text
    assert http.post("/v1/gate", json={"state": "open"}).json()["open"] is True
    refused = http.post("/v1/gate", json={"state": "closed", "reason": "back-pressure: mine"})
    assert error_of(refused) == (422, "bad_reason")


def test_stores_that_stay_away_close_the_gate_with_their_names(http: httpx.Client, state: State) -> None:
    state.gate.open()
    deadline = time.monotonic() + 40
    while state.gate.state().open:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    reason = state.gate.state().reason
    assert reason.startswith("back-pressure: ")
    assert "neo4j" in reason
    assert "qdrant" in reason
    assert 'docgraph_gate_moves_total{to="closed"}' in http.get("/metrics").text


def test_an_entry_of_another_program_that_breaks_the_contract_becomes_a_failed_job(
    http: httpx.Client, own_redis_url: str, tag: str
) -> None:
    job_id = str(uuid.uuid4())
    with redis.Redis.from_url(own_redis_url) as client:
        client.xadd(
            "ingest:jobs",
            {"job_id": job_id, "source_uri": "upload:///x.md", "tag": tag, "checksum": "ab" * 32},
        )
    deadline = time.monotonic() + 30
    while (answer := http.get(f"/v1/jobs/{job_id}")).status_code == 404:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert (answer.json()["status"], answer.json()["error_code"]) == ("failed", "snapshot_missing")
    assert 'docgraph_foreign_entries_total{result="rejected"}' in http.get("/metrics").text


def test_a_report_is_404_until_there_is_one(http: httpx.Client, tag: str) -> None:
    job_id = post_job(http, tag)["job_id"]
    for path in (f"/v1/jobs/{job_id}/report", "/v1/reports/latest", "/v1/reports/..%2f..", "/v1/runs/nothing/report"):
        assert error_of(http.get(path))[0] == 404
    assert http.get("/v1/reports").json() == {"reports": []}


def test_a_runs_report_opens_with_a_signed_address_only_for_that_run(sidecar: Sidecar) -> None:
    path = "/v1/runs/ingest__docs__abc/report"
    with httpx.Client(base_url=sidecar.url, trust_env=False) as browser:
        signed = {"signature": signature(TOKEN, "ingest__docs__abc"), "format": "html"}
        assert error_of(browser.get(path, params=signed)) == (404, "report_not_found")
        assert error_of(browser.get(path)) == (401, "unauthorized")
        assert error_of(browser.get("/v1/runs/another/report", params=signed)) == (401, "unauthorized")


def test_what_is_wrong_with_a_request_is_said_in_one_shape(http: httpx.Client) -> None:
    for answer, code in (
        (http.get("/v1/nothing"), "not_found"),
        (http.put("/v1/jobs"), "method_not_allowed"),
        (http.get("/v1/jobs", params={"limit": 0}), "invalid_request"),
        (http.post("/v1/jobs", content=b"{"), "invalid_request"),
        (http.post("/v1/jobs", content=b"x" * (4 * 2**20 + 1)), "body_too_large"),
    ):
        error = answer.json()["error"]
        assert error["code"] == code
        assert error["message"]
        assert set(error) == {"code", "message", "hint"}


def test_requests_are_counted_by_route_and_not_by_address(http: httpx.Client) -> None:
    job_id = str(uuid.uuid4())
    http.get(f"/v1/jobs/{job_id}")
    metrics = http.get("/metrics").text
    assert 'docgraph_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="404"}' in metrics
    assert job_id not in metrics


def test_without_redis_the_process_lives_and_says_what_is_missing(tmp_path: Path) -> None:
    lonely = Sidecar(tmp_path, f"redis://127.0.0.1:{free_port()}/0")
    lonely.start()
    with lonely.client() as client:
        assert client.get("/health").status_code == 200
        assert error_of(client.get("/v1/jobs")) == (503, "store_unavailable")
        assert "docgraph_redis_up 0.0" in client.get("/metrics").text
        assert client.get("/ready").json()["checks"]["redis"]["ok"] is False
    assert lonely.stop() < 10
