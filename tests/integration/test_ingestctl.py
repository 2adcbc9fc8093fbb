"""The command line against the whole stack: files on disk in, progress, verdict, search, cancellation and resume."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = [sys.executable, "-P", "-c", "from ingestctl.main import run; run()"]
ROOT = Path(__file__).resolve().parents[2]
#: Seconds in which a handful of small documents is through on a busy machine, Airflow's task starts included.
PATIENCE = 240

pytestmark = [pytest.mark.task("6.3"), pytest.mark.timeout(2 * PATIENCE + 60)]


@dataclass(frozen=True)
class Program:
    """ingestctl in a folder of its own, speaking to the running stack."""

    folder: Path
    env: Mapping[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder, env=dict(self.env), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.folder, env=dict(self.env), text=True, capture_output=True, timeout=PATIENCE,
        )  # fmt: skip

    def json(self, *arguments: str, code: int = 0) -> Any:
        ran = self.run(*arguments, "--json")
        assert ran.returncode == code, ran.stdout + ran.stderr
        return json.loads(ran.stdout)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def program(stack_env: Mapping[str, str], tmp_path: Path) -> Program:
    path = os.pathsep.join(str(ROOT / folder) for folder in ("include", "cli"))
    return Program(tmp_path, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **stack_env, "PYTHONPATH": path})


def page(title: str, sections: int, seed: str) -> str:
    """A document with a given number of sections, unlike those of any other seed."""
    body = "".join(
        f"## Topic {number} of {title}\n\nThe setting `{seed}.option_{number}` of {title} has the value {number * 7}.\n\n"
        for number in range(sections)
    )
    return f"# {title}\n\nAbout {title}.\n\n{body}"


def test_a_folder_is_ingested_with_visible_progress_to_a_verdict_and_can_be_asked(program: Program, tag: str) -> None:
    program.write("docs/Backup guide.md", page("Backup", 3, "backup"))
    program.write("docs/größe/日本.md", page("Restore", 2, "restore"))
    ran = program.run("ingest", "docs", "--tag", tag)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"docs/Backup guide\.md  (parse|extract|embed)", ran.stdout)
    assert ran.stdout.count("✔ created") == 2
    assert "ready_for_queries=true" in ran.stdout
    assert "\x1b" not in ran.stdout

    answer = program.json("search", "Which value has option_2 of Backup?", "--tag", tag)
    assert answer["evidence"][0]["source_uri"] == "upload:///docs/Backup%20guide.md"
    assert 0 < answer["confidence"] <= 1
    assert program.run("ready", "--tag", tag).returncode == 0
    assert tag in {row["tag"] for row in program.json("datasets")["datasets"]}
    assert "watch_filesystem" in {row["dag_id"] for row in program.json("sources")["sources"]}


def test_unchanged_documents_cost_nothing_and_a_changed_one_costs_its_difference(program: Program, tag: str) -> None:
    # A dataset without any document is not ready, and the deletion below would exit with that.
    program.write("stays.md", page("Stays", 1, "stays"))
    program.write("a.md", page("Alpha", 4, "alpha"))
    first = program.json("ingest", "a.md", "stays.md", "--tag", tag)["documents"][0]
    again = program.json("ingest", "a.md", "--tag", tag)["documents"][0]
    assert (first["outcome"], again["outcome"]) == ("created", "unchanged")
    assert again["counts"].get("embedded", 0) == 0
    program.write("a.md", page("Alpha", 4, "alpha") + "## One more\n\nA sentence that was not there before.\n")
    changed = program.json("ingest", "a.md", "--tag", tag)["documents"][0]
    assert changed["outcome"] == "updated"
    assert changed["counts"]["embedded"] == 1
    gone = program.json("ingest", "a.md", "--tag", tag, "--delete")["documents"][0]
    assert gone["outcome"] == "deleted"


def test_a_report_is_found_by_its_job_in_each_format(program: Program, tag: str) -> None:
    program.write("a.md", page("Reporting", 2, "reporting"))
    job_id = program.json("ingest", "a.md", "--tag", tag)["documents"][0]["job_id"]
    report = program.json("report", job_id)
    assert report["tag"] == tag
    assert report["ready_for_queries"] is True
    assert report["drift_pct"] <= 0.5
    assert report["report_id"] == program.json("report", "latest", "--tag", tag)["report_id"]
    assert program.run("report", job_id).stdout.startswith("#")
    assert "<html" in program.run("report", report["report_id"], "--format", "html").stdout


def test_bad_files_are_named_and_the_good_one_is_ingested(program: Program, tag: str) -> None:
    program.write("good.md", page("Good", 1, "good"))
    (program.folder / "latin1.md").write_bytes("# caf\xe9\n\ntext\n".encode("latin-1"))
    program.write("empty.md", "")
    result = program.json("ingest", ".", "--tag", tag, code=1)
    outcomes = {entry["path"]: entry["outcome"] or entry["error"]["code"] for entry in result["documents"]}
    assert outcomes == {"good.md": "created", "latin1.md": "not_utf8"}
    assert [entry["code"] for entry in result["rejected"]] == ["empty"]


def wait_for_stage(program: Program, job_id: str, stages: set[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        (job,) = program.json("status", job_id)["jobs"]
        if job["stage"] in stages and job["status"] == "running":
            return
        assert job["status"] in {"queued", "running"}, job
    pytest.fail(f"job {job_id} never reached {stages}")


def test_a_job_can_be_cancelled_while_it_embeds_and_resumed_to_completion(program: Program, tag: str) -> None:
    program.write("long.md", page("Long", 400, f"long{tag}"))
    job_id = program.json("ingest", "long.md", "--tag", tag, "--no-wait")["documents"][0]["job_id"]
    tail = program.start("tail", job_id, "--from-start", "--json")
    wait_for_stage(program, job_id, {"embed"})
    assert program.run("cancel", job_id).returncode == 0
    out, err = tail.communicate(timeout=PATIENCE)
    assert tail.returncode == 1, err
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["status"] == "cancelled"
    assert {"parse", "embed"} <= {event["stage"] for event in events}
    assert program.run("cancel", job_id).returncode == 1

    assert program.run("resume", job_id).returncode == 0
    assert program.run("tail", job_id).returncode == 0
    (job,) = program.json("status", job_id)["jobs"]
    assert (job["status"], job["outcome"], job["attempt"]) == ("completed", "created", 2)


def test_ctrl_c_leaves_the_job_at_work(program: Program, tag: str) -> None:
    program.write("detached.md", page("Detached", 60, f"detached{tag}"))
    ingest = program.start("ingest", "detached.md", "--tag", tag)
    assert ingest.stdout is not None
    while "parse" not in (line := ingest.stdout.readline()):
        assert line, "the command ended before the document was parsed"
    ingest.send_signal(signal.SIGINT)
    _, err = ingest.communicate(timeout=30)
    assert ingest.returncode == 130
    found = re.search(r"ingestctl tail (\S+)", err)
    assert found is not None, err
    assert program.run("tail", found.group(1)).returncode == 0


def test_what_does_not_exist_and_a_wrong_token_have_their_exit_codes(program: Program) -> None:
    assert program.run("status", str(uuid.uuid4())).returncode == 4
    wrong = Program(program.folder, {**program.env, "DOCGRAPH_TOKEN": "wrong"})
    assert wrong.run("status").returncode == 3
    assert program.run("--service", "http://127.0.0.1:9", "status").returncode == 3
