"""The command line as a process: start-up time, what it imports, Ctrl-C, terminals and pipes."""

from __future__ import annotations

import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.unit.cli_service import TOKEN, FakeDoor, Plan, serving

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = [sys.executable, "-P", "-c", "from ingestctl.main import run; run()"]
HELP_SECONDS = 0.6
#: What a start-up must not pay for; the last two are for the commands that speak HTTP or draw.
HEAVY = {"pydantic", "airflow", "torch", "neo4j", "redis", "qdrant_client", "numpy", "yaml", "httpx", "rich.live"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'cli'}",
        "DOCGRAPH_HOME": str(tmp_path / ".docgraph"),
        "DOCGRAPH_TOKEN": TOKEN,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }


@pytest.fixture
def door(environment: dict[str, str]) -> Iterator[FakeDoor]:
    door = FakeDoor()
    with serving(door) as url:
        environment["DOCGRAPH_SERVICE_URL"] = url
        yield door


def test_help_is_instant(environment: dict[str, str]) -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*PROGRAM, "--help"], env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # Processor time, and the best of several: others use the machine too, and what is bounded is the program's own work.
    assert any(seconds() < HELP_SECONDS for _ in range(5))


def test_starting_imports_nothing_heavy(environment: dict[str, str]) -> None:
    code = "import sys, ingestctl.main; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert HEAVY & set(ran.stdout.split()) == set()


def test_help_names_every_command_and_every_exit_code(environment: dict[str, str]) -> None:
    text = subprocess.run([*PROGRAM, "--help"], env=environment, check=True, capture_output=True, text=True).stdout
    for command in (
        "ingest",
        "status",
        "tail",
        "cancel",
        "resume",
        "report",
        "search",
        "datasets",
        "sources",
        "ready",
        "verify",
        "repair",
        "version",
    ):
        assert re.search(rf"^│ {command} ", text, re.MULTILINE)
    flat = " ".join(text.split())
    for code in ("0 all good", "1 a job failed", "2 the command line", "3 the service", "4 not found", "130 Ctrl-C"):
        assert code in flat


def test_the_script_in_the_checkout_runs_from_any_folder(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the working directory was imported')")
    ran = subprocess.run(
        [ROOT / "scripts" / "ingestctl", "version", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


def begin_hanging_ingest(
    environment: dict[str, str], folder: Path, door: FakeDoor, *more: str
) -> subprocess.Popen[str]:
    door.plans[""] = Plan(hangs=True)
    (folder / "a.md").write_text("# A\n\ntext\n")
    process = subprocess.Popen(
        [*PROGRAM, "ingest", "a.md", "--tag", "docs", *more],
        env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not any(event.stage == "embed" for log in list(door.events.values()) for event in list(log)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    return process


def test_ctrl_c_detaches_and_says_how_to_follow_and_how_to_stop(
    environment: dict[str, str], tmp_path: Path, door: FakeDoor
) -> None:
    process = begin_hanging_ingest(environment, tmp_path, door)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    (job_id,) = door.jobs
    assert process.returncode == 130
    assert f"ingestctl tail {job_id}" in err
    assert f"ingestctl cancel {job_id}" in err
    assert "Traceback" not in err
    assert door.jobs[job_id].status == "running"


def test_ctrl_c_with_json_still_leaves_one_document(
    environment: dict[str, str], tmp_path: Path, door: FakeDoor
) -> None:
    process = begin_hanging_ingest(environment, tmp_path, door, "--json")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert '"detached": true' in out
    assert next(iter(door.jobs)) in out


def test_ctrl_c_ends_tail_quietly(environment: dict[str, str], tmp_path: Path, door: FakeDoor) -> None:
    ingest = begin_hanging_ingest(environment, tmp_path, door)
    tail = subprocess.Popen(
        [*PROGRAM, "tail", next(iter(door.jobs)), "--from-start"],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert tail.stdout is not None
    tail.stdout.readline()
    for process in (tail, ingest):
        process.send_signal(signal.SIGINT)
    _, err = tail.communicate(timeout=10)
    ingest.communicate(timeout=10)
    assert tail.returncode == 130
    assert err == ""


def test_a_pipe_gets_no_control_codes(environment: dict[str, str], tmp_path: Path, door: FakeDoor) -> None:
    (tmp_path / "a.md").write_text("# A\n\ntext\n")
    ran = subprocess.run(
        [*PROGRAM, "ingest", "a.md", "--tag", "docs"], env=environment, cwd=tmp_path, capture_output=True
    )
    assert ran.returncode == 0
    assert re.search(rb"[\x00-\x09\x0b-\x1f]", ran.stdout + ran.stderr) is None
    assert door.uploads == 1


@pytest.mark.parametrize(
    "command",
    [["search", "how do I install", "--tag", "docs"], ["datasets"], ["ready"], ["status"], ["version"], ["report"]],
    ids=lambda command: command[0],
)
def test_a_pipe_gets_lines_without_padding(environment: dict[str, str], door: FakeDoor, command: list[str]) -> None:
    ran = subprocess.run([*PROGRAM, *command], env=environment, capture_output=True)
    lines = ran.stdout.split(b"\n")
    assert lines[0], ran.stderr
    assert [line for line in lines if line.endswith((b" ", b"\r"))] == []
    assert re.search(rb"[\x00-\x09\x0b-\x1f]", ran.stdout) is None
    assert max(map(len, lines)) < 400


def test_a_terminal_gets_bars_that_move(environment: dict[str, str], tmp_path: Path, door: FakeDoor) -> None:
    door.seconds_per_step = 0.1
    (tmp_path / "a.md").write_text("# A\n\ntext\n")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "ingest", "a.md", "--tag", "docs"],
        env={**environment, "COLUMNS": "100", "LINES": "30"}, cwd=tmp_path, stdout=follower, stderr=follower, stdin=follower,
    )  # fmt: skip
    os.close(follower)
    text = read_all(leader).decode()
    assert process.wait(timeout=10) == 0
    assert "━" in text
    assert len(set(re.findall(r"(\d+)/40 sections", text))) > 3
    assert "ready_for_queries=true" in text
    # The cursor was hidden while the bars moved, and is shown again.
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l") > -1


def read_all(descriptor: int, seconds: float = 20.0) -> bytes:
    """Read a terminal until the program at its other end is gone."""
    data = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        readable, _, _ = select.select([descriptor], [], [], 0.2)
        if not readable:
            continue
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            # Linux reports the end of a pseudo-terminal as an error.
            break
        if not piece:
            break
        data += piece
    os.close(descriptor)
    return data


def test_a_name_that_the_terminal_can_not_encode_is_escaped(
    environment: dict[str, str], tmp_path: Path, door: FakeDoor
) -> None:
    (tmp_path / "日本.md").write_text("# A\n\ntext\n")
    ran = subprocess.run(
        [*PROGRAM, "ingest", ".", "--tag", "docs"],
        env={**environment, "PYTHONIOENCODING": "ascii"}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "\\u65e5" in ran.stdout
    assert len(door.jobs) == 1
