"""`make test`: run every test on the real engines and say, for each task of the specification's phase 6, whether it is green.

Writes `reports/phase-6/junit.xml` (pytest's own) and `reports/phase-6/summary.json` (schema:
docs/reference/phase-6-summary.schema.json). A test names its task with `@pytest.mark.task("6.1")`. A task's gate also wants what its
tests must have left: the ingest reports of the stack under test, which the tests keep in `reports/phase-6/ingest/`. At its end the run
prints how long each layer of tests took, and which tests were the slowest.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jsonschema import ValidationError

from docgraph.readiness.report import validate
from docgraph_local.paths import repository
from docgraph_local.testtimes import LAYERS, read_times, table

TASKS = {
    "6.1": "Auto-ingestion service and watchers",
    "6.2": "Orchestrator: resumable, idempotent jobs",
    "6.3": "Command line and progress",
    "6.4": "Post-ingest verification and reports",
}
#: Unit tests and model checks share nothing, so two go at once; the others share one stack, and what some of them measure is time.
PARTS: Mapping[str, Sequence[str]] = {
    "unit": ("-n", "2", "--dist", "worksteal", "tests/unit"),
    "proofs": ("-n", "2", "--dist", "worksteal", "tests/proofs"),
    "engines": tuple(f"tests/{name}" for name in LAYERS if name not in {"unit", "proofs"}),
}
#: Where the tests keep the ingest reports of their stack: relative to the repository, and the variable that tells them.
EVIDENCE = "reports/phase-6/ingest"
EVIDENCE_VARIABLE = "DOCGRAPH_TEST_EVIDENCE"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Report:
    """An ingest report that a test run left; `has_page` says whether it can be read by people too."""

    content: Mapping[str, Any]
    has_page: bool


def _from_watch_folder(report: Report) -> bool:
    jobs = report.content["jobs"]
    return any(job["status"] == "completed" and job["source_uri"].startswith("fs://") for job in jobs)


def _changed_nothing(report: Report) -> bool:
    counts = report.content["counts"]
    return bool(0 < counts["jobs"] == counts["unchanged"] and not counts["embedded"])


#: What each gate wants, beside green tests, of at least one report.
ARTIFACTS: Mapping[str, Mapping[str, Callable[[Report], bool]]] = {
    "6.1": {"ingest_report.json of a completed job from the watch folder": _from_watch_folder},
    "6.2": {"ingest_report.json of a run over unchanged documents only, which embedded nothing": _changed_nothing},
    "6.3": {"ingest_report.json and ingest_report.md": lambda report: report.has_page},
    "6.4": {"ingest_report.json with ready_for_queries": lambda report: bool(report.content["ready_for_queries"])},
}


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
    """Run pytest over all layers; returns its exit code, or 1 where a gate stays closed or a layer shows nothing."""
    root = repository()
    folder = root / "reports" / "phase-6"
    folder.mkdir(parents=True, exist_ok=True)
    junit = folder / "junit.xml"
    junit.unlink(missing_ok=True)
    # What an earlier run left proves nothing about this one.
    shutil.rmtree(root / EVIDENCE, ignore_errors=True)
    environment = {**os.environ, EVIDENCE_VARIABLE: str(root / EVIDENCE)}
    code, parts = 0, []
    for name, options in PARTS.items():
        part = folder / f"junit-{name}.xml"
        part.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", f"--junitxml={part}", *options, *arguments]
        code = subprocess.run(command, cwd=root, env=environment, check=False).returncode or code
        if not part.is_file():
            print(f"make test: pytest wrote no {part}; its messages are above.", file=sys.stderr)
            return code or 1
        parts.append(part)
    join(parts, junit)
    summary = summarise(junit, root)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    times = read_times(junit)
    print(f"\n{table(times)}\n")
    for number, task in summary["tasks"].items():
        print(f"task {number} {task['title']}: {task['passed']} passed, {task['failed']} failed: {task['verdict']}")
        for name, there in task["gate"]["artifacts"].items():
            if not there:
                print(f"  its tests left no {name} in {EVIDENCE}")
    for name in times.without_a_pass:
        print(
            f"make test: no test of tests/{name} passed, so this run shows nothing about that layer.", file=sys.stderr
        )
    print(f"phase 6: {summary['verdict']} (reports/phase-6/summary.json)")
    return code or (0 if summary["verdict"] == "green" and not times.without_a_pass else 1)


def join(parts: Sequence[Path], junit: Path) -> None:
    """Put the test suites of several JUnit files into one, and remove the parts."""
    whole = ElementTree.Element("testsuites", name="docgraph")
    for part in parts:
        # The file was written by the pytest that has just run here.
        whole.extend(ElementTree.parse(part).getroot().iter("testsuite"))  # noqa: S314
        part.unlink()
    ElementTree.ElementTree(whole).write(junit, encoding="utf-8", xml_declaration=True)


def summarise(junit: Path, root: Path) -> dict[str, Any]:
    """Return the summary of a JUnit file and of the reports below `root`: tests, gate and verdict of each task.

    A task without a passing test is red, and one whose tests left no such report as its gate wants.
    """
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
    reports = read_evidence(root / EVIDENCE)
    tasks = {number: _task(TASKS[number], tallies[number], _artifacts(number, reports)) for number in TASKS}
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


def read_evidence(folder: Path) -> list[Report]:
    """Return the reports in a folder that keep their published schema; one that breaks it proves nothing."""
    found = []
    for path in sorted(folder.glob("*/ingest_report.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        try:
            validate(content)
        except ValidationError as error:
            print(f"make test: {path} breaks its schema: {error.message}", file=sys.stderr)
        else:
            found.append(Report(content, path.with_suffix(".md").is_file()))
    return found


def _artifacts(number: str, reports: Sequence[Report]) -> dict[str, bool]:
    return {name: any(holds(report) for report in reports) for name, holds in ARTIFACTS[number].items()}


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
