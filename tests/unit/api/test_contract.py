"""One HTTP contract: the routes declare the models, the reference page shows them, and nothing on the wire has moved."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from docgraph.api.base import AnswerModel
from docgraph.api.errors import ErrorAnswer
from docgraph.api.health import DatasetReadiness
from docgraph.api.integrity import Operation
from docgraph.api.jobs import AcceptedJobs, Job, JobDetails, JobsRequest, Progress, ResumedJob
from docgraph.domain import jobs as domain
from docgraph.retrieval.answer import Answer, Evidence, Related
from docgraph.settings import Settings
from ingestion_service.app import create_app

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
#: Routes whose answer is no JSON document: bytes by their hash, streams, a page of metrics.
NOT_JSON = {
    ("HEAD", "/v1/snapshots/{sha256}"),
    ("GET", "/v1/events"),
    ("GET", "/metrics"),
    ("GET", "/v1/operations/{run_id}/events"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    home = tmp_path_factory.mktemp("home")
    return create_app(Settings.load({"DOCGRAPH_TOKEN": "a-token-for-tests"}, home=home), with_duties=False)


def operations(app: FastAPI) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, each in app.openapi()["paths"].items() for method in each}


def test_the_reference_page_and_openapi_list_the_same_routes(app: FastAPI) -> None:
    own = PAGE[: PAGE.index("## The embedder")]
    documented = {
        (method, path.split("?")[0].split("[")[0])
        for method, path in re.findall(r"`(GET|POST|DELETE|HEAD) (/[^\s`]*)", own)
    }
    assert documented == operations(app)


def test_every_route_that_answers_json_declares_its_model(app: FastAPI) -> None:
    silent = []
    for method, path in sorted(operations(app) - NOT_JSON):
        answers = app.openapi()["paths"][path][method.lower()]["responses"]
        schema = next(answers[code] for code in ("200", "201", "202") if code in answers)["content"]["application/json"]
        if "$ref" not in json.dumps(schema["schema"]):
            silent.append((method, path))
    assert silent == []


def test_every_request_body_but_raw_bytes_is_a_model(app: FastAPI) -> None:
    def bodies(path: str, method: str) -> str:
        return json.dumps(app.openapi()["paths"][path][method.lower()].get("requestBody", {}))

    posts = {path: bodies(path, method) for method, path in operations(app) if method == "POST"}
    without = {path for path, body in posts.items() if "$ref" not in body}
    assert without == {
        "/v1/snapshots",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/resume",
        "/v1/quarantine/{entry_id}/drop",
        "/v1/quarantine/{entry_id}/retry",
        "/v1/datasets/{tag}/reembed/abort",
    }


def test_no_route_is_served_that_openapi_does_not_show(app: FastAPI) -> None:
    served = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods - ({"HEAD"} if "GET" in route.methods else set())
    }
    assert served == operations(app)


def test_every_operation_says_that_its_errors_have_the_one_shape(app: FastAPI) -> None:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            for code in ("4XX", "422", "5XX"):
                shown = json.dumps(operation["responses"][code])
                assert "ErrorAnswer" in shown, (method, path, code)
    assert "HTTPValidationError" not in json.dumps(app.openapi())


def example(beginning: str) -> Any:
    """The JSON example of the page that begins so, with what it leaves out by `…` filled in."""
    (text,) = [block for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if block.startswith(beginning)]
    return json.loads(text.replace("{…}", "null").replace(", …}", "}"))


def test_the_example_of_an_error_is_one() -> None:
    body = example('{"error"')
    assert ErrorAnswer.model_validate(body).as_json() == body


def test_the_example_of_readiness_is_one() -> None:
    body = example('{"ready"')
    body["checks"] = {name: check or body["checks"]["redis"] for name, check in body["checks"].items()}
    assert DatasetReadiness.model_validate(body).as_json() == body


def test_the_examples_of_jobs_are_such() -> None:
    asked, accepted = example('{"jobs": [{"source_uri"'), example('{"jobs": [{"job_id"')
    asked["jobs"][0]["checksum"] = "ab" * 32
    assert JobsRequest.model_validate(asked).model_dump(mode="json") == asked
    assert AcceptedJobs.model_validate(accepted).as_json() == accepted


def test_the_example_of_an_event_is_one() -> None:
    (line,) = re.findall(r"^data: (.*)$", PAGE, re.MULTILINE)
    assert Progress.model_validate_json(line).as_json() == json.loads(line)


def test_the_example_of_an_operation_is_one() -> None:
    body = {**example('{"run_id"'), "datasets": []}
    assert Operation.model_validate(body).as_json() == body


STATE = domain.JobState(
    domain.Job("j", "upload:///a.md", "text/markdown", "c", "docs", "2026-11-23T20:52:00.123456Z", version=7, size=3),
    "d",
    domain.JobStatus.FAILED,
    counts={"sections": 3},
    error="why",
)


def test_a_job_on_the_wire_is_every_field_of_the_job_and_its_state_in_one_flat_object() -> None:
    values = asdict(STATE)
    flat = {**values.pop("job"), **values}
    assert list(Job.of(STATE).as_json().items()) == list(flat.items())
    assert {*JobDetails.of(STATE).as_json()} == {*flat, "checkpoints"}
    resumed = ResumedJob.of(STATE, run_id=None, note="Airflow is down").as_json()
    assert resumed == {**flat, "run_id": None, "note": "Airflow is down"}


def test_an_event_on_the_wire_is_every_field_of_the_event_and_the_job_s_id() -> None:
    event = domain.Event(7, "2026-11-23T20:52:00.123456Z", "embed", "running", 64, 400, "sections", "")
    progress = Progress.of("j", event)
    assert list(progress.as_json().items()) == [("job_id", "j"), *asdict(event).items()]
    assert progress.as_event() == event
    assert len(fields(domain.Event)) + 1 == len(Progress.model_fields)


def test_answer_json_is_as_it_always_was() -> None:
    related = Related("link", "d2", "Other", "fs://b.md", ("B",), "b", "linked")
    evidence = Evidence(
        "s", "d", "Title", "fs://a.md", ("A", "B"), "b", "text", 0.12345678, ("dense rank 1",), (related,)
    )
    answer = Answer("q", "docs", (evidence,), 0.876543, {"total": 0.12345678}, {"dropped": 1})
    assert json.dumps(answer.as_json()) == json.dumps({
        "query": "q", "tag": "docs",
        "evidence": [{
            "section_id": "s", "document_id": "d", "document": "Title", "source_uri": "fs://a.md",
            "heading_path": ["A", "B"], "anchor": "b", "snippet": "text", "score": 0.123457, "why": ["dense rank 1"],
            "related": [{
                "relation": "link", "section_id": None, "document_id": "d2", "document": "Other",
                "source_uri": "fs://b.md", "heading_path": ["B"], "anchor": "b", "why": "linked",
            }],
        }],
        "confidence": 0.8765, "timings": {"total": 0.123457}, "counts": {"dropped": 1},
    })  # fmt: skip


def test_fields_of_a_newer_service_are_passed_on() -> None:
    raw = {**Job.of(STATE).as_json(), "a_field_of_tomorrow": {"deep": [1]}}
    assert Job.model_validate(raw).as_json() == raw


def test_every_answer_is_frozen_and_keeps_what_it_does_not_know() -> None:
    assert AnswerModel.model_config["frozen"] is True
    assert AnswerModel.model_config["extra"] == "allow"
    with pytest.raises(ValueError, match="frozen"):
        setattr(Job.of(STATE), "status", domain.JobStatus.COMPLETED)  # noqa: B010 - the type checker would refuse it
