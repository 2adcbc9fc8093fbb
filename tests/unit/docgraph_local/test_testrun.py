"""The summary of a test run follows from the JUnit file alone, and is as its schema says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from docgraph_local.paths import repository
from docgraph_local.testrun import TASKS, summarise


def _junit(folder: Path, cases: list[tuple[str, str]]) -> Path:
    body = "".join(
        f'<testcase classname="t" name="{task}"><properties><property name="task" value="{task}"/></properties>{inner}</testcase>'
        for task, inner in cases
    )
    path = folder / "reports" / "phase-6" / "junit.xml"
    path.parent.mkdir(parents=True)
    path.write_text(f'<testsuites><testsuite time="1.5">{body}</testsuite></testsuites>')
    return path


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
