"""Somebody sets the wall clock, a day forward or back, while programs run: nothing is lost, done twice, or put off till tomorrow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docgraph.domain.jobs import JobStatus
from docgraph.readiness.report import write_report
from docgraph.sources.dropped import dropped_files
from docgraph.state import State
from docgraph.stores.blobs.local import LocalBlobs
from support.chaos.clocks import DAY, WallClock
from support.contract.redis_server import RedisServer
from support.contract.state_helpers import TAG, new_job
from support.e2e.drops import wait_for

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.task("6.2")


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


@pytest.fixture
def state(tmp_path: Path, clock: WallClock) -> Iterator[State]:
    """A Redis that lives by the clock."""
    server = RedisServer(tmp_path, environment=clock.environment)
    server.start()
    connected = State.connect(server.url)
    yield connected
    connected.close()
    server.stop()


@pytest.mark.parametrize("days", [1, -1])
def test_a_job_that_nobody_claimed_is_seen_soon_after_the_clock_was_set(
    state: State, clock: WallClock, days: int
) -> None:
    before = state.jobs.enqueue(new_job("upload:///before.md"))
    clock.shift(days * DAY)
    after = state.jobs.enqueue(new_job("upload:///after.md"))
    time.sleep(0.3)
    waiting = {entry.fields["job_id"]: entry for entry in state.jobs.waiting(0.2)}
    assert set(waiting) == {before.job_id, after.job_id}
    assert all(entry.age_seconds >= 0 for entry in waiting.values())


@pytest.mark.parametrize("days", [1, -1])
def test_jobs_keep_their_order_and_documents_their_newest_version(state: State, clock: WallClock, days: int) -> None:
    first = state.jobs.enqueue(new_job("upload:///a.md", "1"))
    state.jobs.claim("run", tag=TAG, job_ids=[first.job_id])
    clock.shift(days * DAY)
    second = state.jobs.enqueue(new_job("upload:///a.md", "2"))
    assert second.version > first.version
    assert [each.job.job_id for each in state.jobs.find(tag=TAG)] == [second.job_id, first.job_id]
    assert [each.job.job_id for each in state.jobs.claim("next", tag=TAG, job_ids=None)] == [second.job_id]
    assert state.jobs.get(first.job_id).status is JobStatus.RUNNING


def test_the_lease_of_a_dead_holder_ends_in_its_time_although_the_clock_was_put_back(
    state: State, clock: WallClock
) -> None:
    dead, heir = state.lease("duties", 1.0), state.lease("duties", 1.0)
    assert dead.acquire()
    clock.shift(-DAY)
    assert not heir.acquire(), "the holder may be alive: it has its full time"
    wait_for(lambda: heir.acquire() or None, "the lease of the dead holder ends", 5)


def test_a_living_holder_keeps_its_lease_when_the_clock_is_put_back(state: State, clock: WallClock) -> None:
    alive, other = state.lease("duties", 2.0), state.lease("duties", 2.0)
    assert alive.acquire()
    clock.shift(-DAY)
    for _ in range(10):
        assert not other.acquire()
        assert alive.renew()
        time.sleep(0.3)


class Watcher:
    """A process that lives by the clock and watches a folder as the triggerer does."""

    _PROGRAM = """
import sys, time
from pathlib import Path
from docgraph.sources.dropped import dropped_files
from docgraph.sources.stillness import Stillness
stillness = Stillness(float(sys.argv[2]))
while True:
    files = dropped_files(Path(sys.argv[1]))
    still = stillness.of(file.state for file in files)
    print(time.time(), *sorted(file.relative for file in files if file.state in still), flush=True)
    time.sleep(0.1)
"""

    def __init__(self, folder: Path, seconds: float, clock: WallClock) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._PROGRAM, str(folder), str(seconds)],
            env={**os.environ, **clock.environment, "PYTHONPATH": str(ROOT / "include")},
            stdout=subprocess.PIPE,
            text=True,
        )

    def round(self) -> tuple[float, list[str]]:
        """Wait for the next look; return the process's wall clock and what it takes to be complete."""
        assert self._process.stdout is not None
        at, *names = self._process.stdout.readline().split()
        return float(at), names

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.mark.parametrize("days", [1, -1])
def test_a_file_is_complete_once_it_stood_still_whatever_the_clock_says(
    tmp_path: Path, clock: WallClock, days: int
) -> None:
    folder = tmp_path / "watch"
    folder.mkdir()
    growing = folder / "growing.md"
    growing.write_text("# Growing\n")
    watcher = Watcher(folder, 1.0, clock)
    try:
        watcher.round()
        clock.shift(days * DAY)
        wait_for(lambda: abs(watcher.round()[0] - time.time() - days * DAY) < 60 or None, "the jump is seen", 10)
        for number in range(8):
            with growing.open("a") as file:
                file.write(f"line {number}\n")
            until = time.monotonic() + 0.4
            while time.monotonic() < until:
                assert watcher.round()[1] == [], "a file that is being written was taken to be complete"
        wait_for(lambda: watcher.round()[1] == ["growing.md"] or None, "the file is complete", 5)
    finally:
        watcher.stop()


def test_a_file_from_tomorrow_is_dropped_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "copied.md"
    path.write_text("# Copied with its times\n")
    os.utime(path, (time.time() + DAY, time.time() + DAY))
    assert [file.relative for file in dropped_files(tmp_path)] == ["copied.md"]


def test_the_newest_report_is_the_latest_although_the_clock_was_put_back(tmp_path: Path) -> None:
    sample = json.loads((ROOT / "docs" / "reference" / "sample_ingest_report.json").read_text(encoding="utf-8"))
    today = write_report(LocalBlobs(tmp_path), sample)
    tomorrow = tmp_path / time.strftime("%Y%m%dT%H%M%S.000000Z", time.gmtime(time.time() + DAY))
    (tmp_path / today).rename(tomorrow)
    newest = write_report(LocalBlobs(tmp_path), sample)
    assert newest > tomorrow.name
    assert (tmp_path / "latest").readlink().name == newest
