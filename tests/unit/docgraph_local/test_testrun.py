"""The summary of a test run follows from the JUnit file alone, and is as its schema says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from docgraph_local.paths import repository
from docgraph_local.testrun import EVIDENCE, TASKS, summarise


def _junit(folder: Path, cases: list[tuple[str, str]]) -> Path:
    body = "".join(
        f'<testcase classname="t" name="{task}"><properties><property name="task" value="{task}"/></properties>{inner}</testcase>'
        for task, inner in cases
    )
    path = folder / "reports" / "phase-6" / "junit.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<testsuites><testsuite time="1.5">{body}</testsuite></testsuites>')
    return path


@pytest.fixture(autouse=True)
def evidence(tmp_path: Path) -> Path:
    """The report of one run, as the tests of a stack leave it."""
    folder = tmp_path / EVIDENCE / "20261123T205200.123456Z"
    folder.mkdir(parents=True)
    for name in ("ingest_report.json", "ingest_report.md"):
        (folder / name).write_bytes((repository() / "docs" / "reference" / f"sample_{name}").read_bytes())
    report = json.loads((folder / "ingest_report.json").read_text())
    report["ready_for_queries"] = True
    report["jobs"] = [
        {**job, "source_uri": "fs://ingest/watch/docs/guide.md", "status": "completed"} for job in report["jobs"]
    ]
    done = {"jobs": 1, "completed": 1, "created": 0, "updated": 0, "unchanged": 1, "deleted": 0, "embedded": 0}
    report["counts"].update(done)
    (folder / "ingest_report.json").write_text(json.dumps(report))
    return folder


def _change(evidence: Path, **fields: object) -> None:
    path = evidence / "ingest_report.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def _count(evidence: Path, **counts: int) -> None:
    report = json.loads((evidence / "ingest_report.json").read_text())
    _change(evidence, counts={**report["counts"], **counts})


@pytest.mark.parametrize(
    ("task", "spoil"),
    [
        ("6.1", lambda evidence: _change(evidence, jobs=[])),
        ("6.2", lambda evidence: (evidence / "ingest_report.json").unlink()),
        ("6.2", lambda evidence: _change(evidence, drift_pct=-1)),
        ("6.2", lambda evidence: _count(evidence, unchanged=0, updated=1)),
        ("6.2", lambda evidence: _count(evidence, embedded=1)),
        ("6.2", lambda evidence: _count(evidence, jobs=0, unchanged=0)),
        ("6.3", lambda evidence: (evidence / "ingest_report.md").unlink()),
        ("6.4", lambda evidence: _change(evidence, ready_for_queries=False)),
    ],
)
def test_a_gate_stays_closed_where_green_tests_left_no_such_report(
    tmp_path: Path, evidence: Path, task: str, spoil: Callable[[Path], None]
) -> None:
    spoil(evidence)
    summary = summarise(_junit(tmp_path, [(task, "") for task in TASKS]), tmp_path)
    assert summary["tasks"][task]["gate"]["tests_green"]
    assert not all(summary["tasks"][task]["gate"]["artifacts"].values())
    assert summary["tasks"][task]["verdict"] == "red"
    assert summary["verdict"] == "red"


def test_a_run_is_green_when_every_task_has_passing_tests_and_none_fails(tmp_path: Path) -> None:
    summary = summarise(_junit(tmp_path, [(task, "") for task in TASKS]), tmp_path)
    assert summary["verdict"] == "green"
    schema = json.loads((repository() / "docs" / "reference" / "phase-6-summary.schema.json").read_text())
    jsonschema.validate(summary, schema)


@pytest.mark.parametrize("inner", ["<failure/>", "<error/>", "<skipped/>"])
def test_a_task_whose_only_test_did_not_pass_makes_the_run_red(tmp_path: Path, inner: str) -> None:
    summary = summarise(_junit(tmp_path, [(t, inner if t == "6.2" else "") for t in TASKS]), tmp_path)
    assert summary["tasks"]["6.2"]["verdict"] == "red"
    assert summary["verdict"] == "red"


def test_a_failure_outside_the_tasks_makes_the_run_red(tmp_path: Path) -> None:
    cases = [(task, "") for task in TASKS] + [("none", "<failure/>")]
    assert summarise(_junit(tmp_path, cases), tmp_path)["verdict"] == "red"
