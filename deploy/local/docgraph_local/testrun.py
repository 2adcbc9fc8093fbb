"""`make test`: run every test on the real engines and say, for each task of the specification's phase 6, whether it is green.

Writes `reports/phase-6/junit.xml` (pytest's own) and `reports/phase-6/summary.json` (schema:
docs/reference/phase-6-summary.schema.json). A test names its task with `@pytest.mark.task("6.1")`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docgraph_local.paths import repository

TASKS = {
    "6.1": "Auto-ingestion service and watchers",
    "6.2": "Orchestrator: resumable, idempotent jobs",
    "6.3": "Command line and progress",
    "6.4": "Post-ingest verification and reports",
}
SUITES = ("unit", "contract", "dags", "integration", "e2e", "chaos")
#: What each gate wants on disk when its tests are through, relative to the repository.
ARTIFACTS = ("reports/phase-6/junit.xml",)
SCHEMA_VERSION = 1


@dataclass(slots=True)
class _Tally:
    """Tests of one task."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def tests(self) -> int:
        return self.passed + self.failed + self.skipped


def main(arguments: Sequence[str] = ()) -> int:
    """Run pytest over all suites; returns its exit code, or 1 where a gate stays closed."""
    root = repository()
    folder = root / "reports" / "phase-6"
    folder.mkdir(parents=True, exist_ok=True)
    junit = folder / "junit.xml"
    junit.unlink(missing_ok=True)
    suites = [f"tests/{name}" for name in SUITES if any((root / "tests" / name).glob("test_*.py"))]
    command = [sys.executable, "-m", "pytest", f"--junitxml={junit}", "--durations=15", *suites, *arguments]
    code = subprocess.run(command, cwd=root, check=False).returncode
    if not junit.is_file():
        print(f"make test: pytest wrote no {junit}; its messages are above.", file=sys.stderr)
        return code or 1
    summary = summarise(junit, root)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for number, task in summary["tasks"].items():
        print(f"task {number} {task['title']}: {task['passed']} passed, {task['failed']} failed: {task['verdict']}")
    print(f"phase 6: {summary['verdict']} (reports/phase-6/summary.json)")
    return code or (0 if summary["verdict"] == "green" else 1)


def summarise(junit: Path, root: Path) -> dict[str, Any]:
    """Return the summary of a JUnit file: tests, gate and verdict of each task. A task without a passing test is red."""
    tallies = {number: _Tally() for number in (*TASKS, "other")}
    # The file was written by the pytest that has just run here.
    suites = ElementTree.parse(junit).getroot()  # noqa: S314
    seconds = sum(float(suite.get("time", 0)) for suite in suites.iter("testsuite"))
    for case in suites.iter("testcase"):
        named = [p.get("value", "") for p in case.iter("property") if p.get("name") == "task"]
        tally = tallies[named[0] if named and named[0] in tallies else "other"]
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed += 1
            tally.failures.append(name)
        elif case.find("skipped") is not None:
            tally.skipped += 1
        else:
            tally.passed += 1
    artifacts = {name: (root / name).is_file() for name in ARTIFACTS}
    tasks = {number: _task(TASKS[number], tallies[number], artifacts) for number in TASKS}
    green = all(task["verdict"] == "green" for task in tasks.values()) and not tallies["other"].failed
    return {
        "schema_version": SCHEMA_VERSION,
        "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verdict": "green" if green else "red",
        "seconds": round(seconds, 1),
        "tests": sum(tally.tests for tally in tallies.values()),
        "tasks": tasks,
        "other": _counts(tallies["other"]),
    }


def _task(title: str, tally: _Tally, artifacts: dict[str, bool]) -> dict[str, Any]:
    green = tally.passed > 0 and not tally.failed
    return {
        "title": title,
        **_counts(tally),
        "gate": {"tests_green": green, "artifacts": artifacts},
        "verdict": "green" if green and all(artifacts.values()) else "red",
    }


def _counts(tally: _Tally) -> dict[str, Any]:
    return {
        "tests": tally.tests,
        "passed": tally.passed,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "failures": tally.failures,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
