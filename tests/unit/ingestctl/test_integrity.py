"""`verify` and `repair`: what is asked for, following the run, and what each end is for the exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docgraph.api.errors import Error
from docgraph.api.integrity import Finding, Operation, Repair, RepairedDocument, Verification
from docgraph.api.reports import Reason
from ingestctl import operations
from support.unit.cli_service import TOKEN, FakeDoor, ingestctl, serving

RUN = "verify__docs__1"
PROGRESS: dict[str, Any] = {"tag": "docs", "step": "compare", "done": 6, "total": 12, "unit": "sections"}


@pytest.fixture(autouse=True)
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDoor]:
    monkeypatch.setenv("DOCGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("DOCGRAPH_TOKEN", TOKEN)
    monkeypatch.setattr(operations, "RECONNECT_PAUSE", 0.01)
    door = FakeDoor(told=[("progress", PROGRESS), ("dataset", {}), ("end", {"equal": True})])
    with serving(door) as url:
        monkeypatch.setenv("DOCGRAPH_SERVICE_URL", url)
        yield door


def verification(equal: bool = True) -> Verification:
    missing = Finding(count=0, ids=[]) if equal else Finding(count=5, ids=["s1", "s2", "s3", "s4", "s5"])
    return Verification(
        tag="docs", scope="dataset", equal=equal, drift_pct=0.0 if equal else 41.6667, sections=12, vectors=12,
        findings={"missing": missing}, documents=[], documents_affected=0, fulltext=None, embedding_version="v",
        served_version="v", seconds=0.5,
    )  # fmt: skip


def operation(
    *datasets: Verification | Repair, kind: str = "verify", run_id: str | None = RUN, error: Error | None = None
) -> Operation:
    return Operation(
        run_id=run_id, operation=kind, status="failed" if error else "completed", tags=["docs"], created_at="",
        finished_at="", equal=None if error else all(dataset.equal for dataset in datasets), datasets=list(datasets),
        error=error,
    )  # fmt: skip


def test_a_run_is_followed_to_its_end_and_equal_stores_end_with_0(door: FakeDoor) -> None:
    door.operation = operation(verification())
    ran = ingestctl("verify", "--tag", "docs", "--vectors")
    assert (ran.code, ran.err) == (0, "")
    assert "✔ docs: graph and vectors are equal  (12 sections, 0.5s)" in ran.out
    assert door.posts == [{"tag": "docs", "documents": [], "all": False, "vectors": True}]


def test_stores_that_differ_end_with_1_and_with_the_command_that_repairs_them(door: FakeDoor) -> None:
    door.operation = operation(verification(equal=False))
    ran = ingestctl("verify", "--tag", "docs")
    assert ran.code == 1
    for text in ("drift 41.67 %", "sections without a vector", "s1, s2, s3 …", "ingestctl repair --tag=docs"):
        assert text in ran.out


def test_what_was_done_at_once_needs_no_run(door: FakeDoor) -> None:
    door.operation = operation(verification(), run_id=None)
    assert ingestctl("verify", "guide.md", "--tag", "docs").code == 0
    assert door.posts[0]["documents"] == ["upload:///guide.md"]
    assert door.resumed_from == []


def test_a_restart_of_the_service_is_survived_without_an_event_twice(door: FakeDoor) -> None:
    door.operation = operation(verification())
    door.break_after = 1
    ran = ingestctl("verify", "--tag", "docs", "--json")
    assert ran.code == 0
    assert "trying again" in ran.err
    assert "is back" in ran.err
    assert door.resumed_from == ["", "1", "2"]
    assert ran.json == {"equal": True, "datasets": [verification().as_json()]}


@pytest.mark.parametrize(
    ("code", "exit_code"), [("store_unavailable", 3), ("run_lost", 1), ("wrong_embedding_version", 1)]
)
def test_a_run_that_failed_says_why_and_its_exit_code_what_kind_it_is(
    door: FakeDoor, code: str, exit_code: int
) -> None:
    error = Error(code=code, message="Neo4j can't be reached.")
    door.told = [("problem", {"error": error.as_json()}), ("error", {"error": error.as_json()})]
    door.operation = operation(error=error)
    ran = ingestctl("verify", "--all", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (exit_code, code)
    assert "It is tried three times" in ran.err
    assert "Traceback" not in ran.err


def test_a_repair_says_what_was_done_and_what_the_verdict_is(door: FakeDoor) -> None:
    done = RepairedDocument(
        document_id="d",
        source_uri="upload:///guide.md",
        found={"missing": 5},
        rebuilt=False,
        restaged=5,
        removed=0,
        error="",
    )
    left = done.model_copy(update={"source_uri": "upload:///b.md", "restaged": 0, "error": "its text is gone"})
    reason = Reason(code="missing_vectors", message="5 sections have no vector.", command="ingestctl repair --tag docs")
    repair = Repair(
        tag="docs", equal=False, before=verification(equal=False), after=verification(equal=False), documents=[done, left],
        fulltext_rebuilt=True, ready=False, reasons=[reason], report="20261123T205200.123456Z",
    )  # fmt: skip
    door.operation = operation(repair, kind="repair")
    ran = ingestctl("repair", "--tag", "docs")
    assert ran.code == 1
    for text in (
        "guide.md  5 missing  5 vectors computed again",
        "its text is gone",
        "the full-text index was built again",
        "ready_for_queries=false",
        "5 sections have no vector.",
        "ingestctl repair --tag docs",
    ):
        assert text in ran.out
    assert ingestctl("repair", "--tag", "docs", "--json").json == {"equal": False, "datasets": [repair.as_json()]}
