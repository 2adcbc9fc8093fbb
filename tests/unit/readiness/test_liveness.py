"""When the intake counts as standing still, and when as merely busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from docgraph.ingest.airflow_api import AirflowPart, ImportedDag
from docgraph.readiness.liveness import (
    DAGS,
    IntakeCheck,
    judge_dags,
    judge_dispatcher,
    judge_parts,
    judge_source,
    judge_work,
)
from docgraph.runtime.config import LivenessConfig
from docgraph.state import GateState, Heartbeat, Movement, RunningJob

LIMITS = LivenessConfig(round_seconds=25, progress_seconds=25, document_seconds=300)
OPEN = GateState(open=True)
WATCH = "watch_filesystem"


def beat(**more: Any) -> Heartbeat:
    return Heartbeat(**{"age": 1.0, "good_age": 1.0, "every": 1.0, "error": "", "claimed_age": None, **more})


def dags(**changed: ImportedDag | None) -> dict[str, ImportedDag]:
    good = {dag_id: ImportedDag(f"{dag_id}.py", False, False, False, 20.0) for dag_id in (*DAGS, WATCH)}
    return {dag_id: dag for dag_id, dag in {**good, **changed}.items() if dag is not None}


def work(
    running: Sequence[tuple[str, float]] = (),
    waits: float | None = None,
    ended: float | None = None,
) -> dict[str, IntakeCheck]:
    jobs = tuple(
        RunningJob(f"job-{number}", run, f"upload:///{number}.md", "embed", quiet)
        for number, (run, quiet) in enumerate(running)
    )
    return {check.name: check for check in judge_work(Movement(waits, jobs, ended), OPEN, LIMITS)}


@pytest.mark.parametrize(
    ("heartbeat", "says"),
    [
        (None, "never looked at"),
        (beat(good_age=60.0), "last looked at 60 s ago"),
        (beat(good_age=None), "last looked at never"),
        (beat(error="the share is not mounted"), "the share is not mounted"),
        (beat(claimed_age=40.0), "claimed 40 s ago"),
    ],
)
def test_a_source_that_nobody_looks_at_with_success_stands_still(heartbeat: Heartbeat | None, says: str) -> None:
    check = judge_source("filesystem", heartbeat, LIMITS)
    assert not check.ok
    assert says in check.reason
    assert "watch_filesystem" in check.advice


@pytest.mark.parametrize(
    "heartbeat", [beat(), beat(good_age=26.9), beat(good_age=620.0, every=300.0), beat(claimed_age=3.0)]
)
def test_a_source_is_given_the_time_between_its_looks(heartbeat: Heartbeat) -> None:
    assert judge_source("filesystem", heartbeat, LIMITS).ok


@pytest.mark.parametrize(
    ("dag", "says"),
    [
        (None, "was not imported"),
        (ImportedDag("watch_sources.py", False, True, False, 400.0), "deactivated"),
        (ImportedDag("watch_sources.py", False, False, True, 400.0), "can't be imported (NameError: x)"),
        (ImportedDag("watch_sources.py", True, False, False, 20.0), "is paused"),
        (ImportedDag("watch_sources.py", False, False, False, 301.0), "last imported 301 s ago"),
    ],
)
def test_a_dag_of_which_no_run_starts_is_named_with_the_reason(dag: ImportedDag | None, says: str) -> None:
    errors = {"/opt/dags/watch_sources.py": "Traceback\n  somewhere\nNameError: x\n"}
    check = judge_dags(dags(**{WATCH: dag}), errors, LIMITS, [WATCH])
    assert not check.ok
    assert f"{WATCH} " in check.reason
    assert says in check.reason


def test_dags_that_belong_to_nobody_any_more_and_a_paused_audit_are_no_failure() -> None:
    old = ImportedDag("watch_sources.py", False, True, False, 9000.0)
    paused = ImportedDag("audit_datasets.py", True, False, False, 20.0)
    check = judge_dags(dags(watch_old=old, audit_datasets=paused), {}, LIMITS, [WATCH])
    assert check.ok
    assert check.age == 20.0


def test_a_part_of_airflow_that_is_silent_is_named() -> None:
    good = [AirflowPart("scheduler", 3.0), AirflowPart("dag_processor", 4.0)]
    assert judge_parts([*good, AirflowPart("triggerer", 2.0)], LIMITS).ok
    assert "triggerer was last seen 31 s ago" in judge_parts([*good, AirflowPart("triggerer", 31.0)], LIMITS).reason
    assert "triggerer was never seen" in judge_parts([*good, AirflowPart("triggerer", None)], LIMITS).reason


def test_a_dispatcher_whose_rounds_fail_says_why_and_one_failed_round_is_none() -> None:
    assert judge_dispatcher(beat(error="Redis hiccup"), LIMITS).ok
    failing = judge_dispatcher(beat(good_age=40.0, error="ValueError: bad address"), LIMITS)
    assert not failing.ok
    assert "40 s ago: ValueError: bad address" in failing.reason
    assert not judge_dispatcher(None, LIMITS).ok


def test_what_waits_while_nothing_moves_stands_still() -> None:
    assert not work(waits=30.0)["queue"].ok
    assert not work(waits=30.0, ended=3600.0)["queue"].ok
    assert not work([("run", 40.0)], waits=30.0)["queue"].ok
    assert work(waits=20.0)["queue"].ok


def test_what_waits_behind_work_that_goes_on_is_a_large_delivery() -> None:
    assert work([("run", 2.0)], waits=900.0)["queue"].ok
    assert work(waits=900.0, ended=1.0)["queue"].ok


def test_a_run_moves_as_long_as_one_of_its_documents_does() -> None:
    assert work([("run", 200.0), ("run", 1.0)])["documents"].ok


def test_the_only_run_that_is_silent_is_stuck_soon_and_one_beside_others_late() -> None:
    stuck = work([("run", 30.0), ("run", 50.0)])["documents"]
    assert not stuck.ok
    assert "job-0" in stuck.reason
    assert "ingestctl cancel job-0" in stuck.advice
    assert work([("stuck", 200.0), ("other", 1.0)])["documents"].ok
    late = work([("stuck", 301.0), ("other", 1.0)])["documents"]
    assert (late.ok, late.age) == (False, 301.0)


def test_a_closed_gate_is_told_with_its_reason() -> None:
    closed = GateState(open=False, reason="back-pressure: neo4j is slow", since="2026-11-28T12:00:00Z")
    gate = judge_work(Movement(None, (), None), closed, LIMITS)[-1]
    assert not gate.ok
    assert "back-pressure: neo4j is slow" in gate.reason


def test_an_intake_without_work_lives() -> None:
    assert all(check.ok for check in work().values())
