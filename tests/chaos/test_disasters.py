"""What kills no process, on the whole real stack: tasks given up and cleared, lost data, full disks, a clock that is set."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import redis

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.readiness import audit as auditing
from docgraph.readiness.judgement import RECOMPUTED
from docgraph.runtime.connections import Runtime
from docgraph_local.paths import repository
from docgraph_local.stack import Stack
from support.chaos.clocks import DAY, WallClock
from support.chaos.disks import small_disk
from support.chaos.harness import Failpoints, Killer, embedded_texts, is_alive
from support.chaos.operators import Operator
from support.e2e.drops import Drops, page, report_of, wait_for

RECOVERY_SECONDS = 240.0
#: Bytes of a page of memory or of a disk; each write to Redis' journal takes more than one.
PAGE = 4096
SECTIONS = 40
INGESTCTL = [sys.executable, "-P", "-c", "from ingestctl.main import run; run()"]

pytestmark = [pytest.mark.task("6.2"), pytest.mark.timeout(600)]


def assert_in_step(drops: Drops, version: EmbeddingVersion, sections: int) -> None:
    """Both stores hold this many sections, each once, with the same contents, and the dataset is ready."""
    assert len(drops.ids_in_graph()) == sections
    assert sorted(drops.ids_in_graph()) == sorted(drops.ids_in_vectors(version))
    assert auditing.verify(drops.runtime, drops.tag, with_vectors=True).comparison.is_clean
    readiness = drops.runtime.state.readiness.get(drops.tag)
    assert readiness is not None
    assert readiness.ready, readiness


def assert_nothing_is_visible(drops: Drops, version: EmbeddingVersion) -> None:
    assert (drops.ids_in_graph(), drops.ids_in_vectors(version)) == ([], [])
    assert drops.runtime.state.readiness.get(drops.tag) is None


def stopped_run(drops: Drops, failpoints: Failpoints, place: str, spec: str = "", sections: int = SECTIONS) -> JobState:
    """Drop a document and let its run stop at a place; return its job."""
    failpoints.arm(spec or f"{place}=pause")
    drops.drop({"guide.md": page("Guide", sections, drops.tag)})
    failpoints.stopped_at(place)
    failpoints.disarm()
    return drops.jobs()[0]


def is_ended(pid: int) -> bool:
    return not is_alive(pid)


def await_retry(operator: Operator, run_id: str, task_id: str) -> None:
    """Wait until a task of the run has failed and Airflow is about to try it again."""
    wait_for(
        lambda: operator.task(run_id, task_id).state == "up_for_retry" or None,
        f"{task_id} of {run_id} is going to be tried again",
    )


def use_up_the_journal(redis_url: str) -> None:
    """Write to Redis until it can't: the last page of its journal has room that the full disk does not count."""
    with redis.Redis.from_url(redis_url) as client, contextlib.suppress(redis.ConnectionError):
        for _ in range(PAGE):
            client.incr("test:use-up-the-journal")
        raise AssertionError(f"Redis has taken {PAGE} writes on a full disk")


def test_a_task_that_was_given_up_is_cleared_and_its_job_is_done(
    drops: Drops, version: EmbeddingVersion, failpoints: Failpoints, operator: Operator
) -> None:
    job = stopped_run(drops, failpoints, "build_graph.before_announce")
    task = operator.task(job.run_id, "documents.build_graph")
    operator.fail_task(job.run_id, task)
    failpoints.release("build_graph.before_announce")
    (given_up,) = drops.ended(1)
    assert (given_up.status, given_up.error_code) == (JobStatus.FAILED, "stage_failed")
    assert report_of(drops.runtime, given_up)["counts"]["failed"] == 1
    operator.await_end(job.run_id, 60)

    operator.clear(job.run_id, task)
    (state,) = wait_for(
        lambda: [s for s in drops.jobs() if s.status is JobStatus.COMPLETED and s.report] or None,
        "the cleared run has completed its job",
    )
    assert (state.run_id, state.attempt, state.outcome) == (job.run_id, 2, "created")
    assert state.report != given_up.report
    assert operator.await_end(job.run_id, 60) == "success"
    assert_in_step(drops, version, SECTIONS)


@pytest.mark.matrix
def test_a_finished_run_that_is_cleared_costs_nothing_and_changes_nothing(
    drops: Drops, version: EmbeddingVersion, operator: Operator, runtime: Runtime
) -> None:
    drops.drop({"guide.md": page("Guide", SECTIONS, drops.tag)})
    (before,) = drops.ended(1)
    operator.await_end(before.run_id, 60)
    fence, texts = runtime.graph.committed(before.document_id).fence, embedded_texts(runtime.settings)
    operator.clear(before.run_id, operator.task(before.run_id, "documents.embed"))
    (state,) = wait_for(
        lambda: [s for s in drops.jobs() if s.report not in {"", before.report}] or None, "another report is published"
    )
    assert operator.await_end(before.run_id, 60) == "success"
    assert (state.status, state.outcome, state.attempt) == (JobStatus.COMPLETED, "created", 1)
    assert runtime.graph.committed(before.document_id).fence == fence
    assert embedded_texts(runtime.settings) - texts == RECOMPUTED, "more than the sample of another verdict"
    assert_in_step(drops, version, SECTIONS)


@pytest.mark.matrix
def test_a_job_whose_runs_are_marked_failed_again_and_again_is_given_up_with_a_report_and_can_be_resumed(
    drops: Drops, version: EmbeddingVersion, failpoints: Failpoints, operator: Operator, runtime: Runtime
) -> None:
    most = runtime.config.pipeline.max_attempts
    failpoints.arm("parse.before_announce=pause")
    drops.drop({"guide.md": page("Guide", SECTIONS, drops.tag)})
    for attempt in range(1, most + 1):
        stopped = failpoints.stopped_at("parse.before_announce")
        (job,) = drops.jobs()
        assert job.attempt == attempt
        if attempt == most:
            failpoints.disarm()
        operator.mark_failed(job.run_id)
        wait_for(partial(is_ended, stopped), "Airflow ends the task", 60)
        failpoints.release("parse.before_announce")
    (state,) = drops.ended(1)
    assert (state.status, state.error_code, state.attempt) == (JobStatus.FAILED, "run_lost", most)
    assert report_of(drops.runtime, state)["counts"]["failed"] == 1
    runtime.state.jobs.resume(state.job.job_id)
    (state,) = wait_for(
        lambda: [s for s in drops.jobs() if s.status is JobStatus.COMPLETED and s.report] or None, "the resumed job"
    )
    assert state.attempt == most + 1
    assert_in_step(drops, version, SECTIONS)


def repair_all(stack_env: Mapping[str, str], folder: Path) -> None:
    """Do what docs/howto/verify-and-repair.md says after a loss."""
    path = os.pathsep.join(str(repository() / part) for part in ("include", "cli"))
    ran = subprocess.run(
        [*INGESTCTL, "repair", "--all", "--json"],
        cwd=folder, env={**os.environ, **stack_env, "PYTHONPATH": path}, text=True, capture_output=True, timeout=400,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.matrix
def test_redis_loses_everything_in_the_middle_of_a_run(
    drops: Drops,
    version: EmbeddingVersion,
    failpoints: Failpoints,
    operator: Operator,
    runtime: Runtime,
    stack_env: Mapping[str, str],
    tmp_path: Path,
) -> None:
    drops.drop({"before.md": page("Before", SECTIONS, f"before{drops.tag}")})
    drops.ended(1)
    job = stopped_run(drops, failpoints, "embed.after_batch", "embed.after_batch:3=pause", 144)
    with redis.Redis.from_url(runtime.settings.redis_url) as client:
        client.flushall()
    failpoints.release("embed.after_batch")
    operator.await_end(job.run_id, RECOVERY_SECONDS)
    states = {task.task_id: task.state for task in operator.tasks(job.run_id)}
    assert states["documents.vector_upsert"] == "failed", "a run that lost its jobs does not call them done"
    assert states["documents.reconcile"] == "upstream_failed"

    repair_all(stack_env, tmp_path)
    assert_in_step(drops, version, SECTIONS)
    # Jobs that were under way are lost: their documents are sent again. What was taken lies in done/.
    done = runtime.settings.watch_root.parent / "done" / drops.tag
    texts = embedded_texts(runtime.settings)
    drops.drop({path.name: path.read_bytes() for path in done.iterdir()})
    ended = drops.ended(2, RECOVERY_SECONDS)
    assert {state.job.source_uri.rpartition("/")[2]: state.outcome for state in ended} == {
        "before.md": "unchanged",
        "guide.md": "created",
    }
    # What the journal kept is not embedded again; the verdict computes its own sample.
    limit = 144 - 3 * runtime.config.pipeline.embed_batch + RECOMPUTED
    assert embedded_texts(runtime.settings) - texts <= limit
    assert_in_step(drops, version, SECTIONS + 144)


@pytest.mark.matrix
def test_qdrant_loses_its_data_folder(
    drops: Drops,
    version: EmbeddingVersion,
    stack: Stack,
    killer: Killer,
    stack_env: Mapping[str, str],
    tmp_path: Path,
) -> None:
    drops.drop({"guide.md": page("Guide", SECTIONS, drops.tag)})
    drops.ended(1)
    shutil.rmtree(stack.paths.data("qdrant"))
    stack.paths.data("qdrant").mkdir()
    killed = killer.stack.kill("qdrant")
    stack.await_ready("qdrant", 90, not_pid=killed)
    assert not drops.runtime.vectors.exists(version)
    repair_all(stack_env, tmp_path)
    assert_in_step(drops, version, SECTIONS)


@pytest.mark.matrix
def test_no_room_for_artifacts(
    drops: Drops, version: EmbeddingVersion, failpoints: Failpoints, operator: Operator, stack: Stack
) -> None:
    job = stopped_run(drops, failpoints, "claim.after_claim")
    with small_disk(drops.runtime.settings.artifacts_root, stack) as disk:
        disk.fill()
        failpoints.release("claim.after_claim")
        await_retry(operator, job.run_id, "documents.parse")
        error = drops.jobs()[0].error
        assert "No space left on device. Free space on that disk" in error, error
        assert_nothing_is_visible(drops, version)
        disk.make_room()
        (state,) = drops.ended(1)
        assert (state.status, state.outcome, state.attempt) == (JobStatus.COMPLETED, "created", 1), state.error
    assert_in_step(drops, version, SECTIONS)


@pytest.mark.matrix
def test_no_room_for_snapshots(drops: Drops, version: EmbeddingVersion, stack: Stack) -> None:
    settings = drops.runtime.settings
    with small_disk(settings.snapshots_root, stack) as disk:
        disk.fill()
        drops.drop({"guide.md": page("Guide", SECTIONS, drops.tag)})
        claimed = settings.watch_root.parent / "claimed"
        wait_for(lambda: list(claimed.glob(f"*/{drops.tag}/guide.md")) or None, "the file is claimed")
        assert drops.jobs() == []
        assert_nothing_is_visible(drops, version)
        disk.make_room()
        (state,) = drops.ended(1)
        assert (state.status, state.outcome) == (JobStatus.COMPLETED, "created"), state.error
    assert_in_step(drops, version, SECTIONS)


@pytest.mark.matrix
def test_no_room_for_reports(
    drops: Drops, version: EmbeddingVersion, failpoints: Failpoints, operator: Operator, stack: Stack
) -> None:
    job = stopped_run(drops, failpoints, "reconcile.after_sweep")
    reports = drops.runtime.settings.reports_root
    with small_disk(reports, stack) as disk:
        before = sorted(reports.glob("*Z"))
        disk.fill()
        failpoints.release("reconcile.after_sweep")
        await_retry(operator, job.run_id, "report")
        assert sorted(reports.glob("*Z")) == before, "half a report was left"
        assert drops.runtime.state.readiness.get(drops.tag) is None
        disk.make_room()
        (state,) = drops.ended(1)
        assert report_of(drops.runtime, state)["ready_for_queries"] is True
    assert_in_step(drops, version, SECTIONS)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("program", "place", "task_id"),
    [
        ("redis", "parse.before_announce", "documents.parse"),
        ("qdrant", "embed.before_announce", "documents.vector_upsert"),
    ],
)
def test_no_room_for_a_store(
    drops: Drops,
    version: EmbeddingVersion,
    failpoints: Failpoints,
    operator: Operator,
    stack: Stack,
    program: str,
    place: str,
    task_id: str,
) -> None:
    job = stopped_run(drops, failpoints, place)
    with small_disk(stack.paths.data(program), stack, program) as disk:
        disk.fill()
        if program == "redis":
            use_up_the_journal(drops.runtime.settings.redis_url)
        failpoints.release(place)
        await_retry(operator, job.run_id, task_id)
        assert drops.ids_in_graph() == []
        disk.make_room()
        stack.await_ready(program, 90)
        (state,) = drops.ended(1, RECOVERY_SECONDS)
        assert (state.status, state.outcome) == (JobStatus.COMPLETED, "created"), state.error
        assert_in_step(drops, version, SECTIONS)
    assert_in_step(drops, version, SECTIONS)


@contextlib.contextmanager
def living_by(clock: WallClock, stack: Stack, *programs: str) -> Iterator[None]:
    """Start programs of the stack anew under a clock that can be set; and anew under the true one afterwards."""
    files = {program: stack.paths.launch_file(program) for program in programs}
    texts = {program: file.read_text(encoding="utf-8") for program, file in files.items()}

    def start_with(environment: Mapping[str, str]) -> None:
        for program, file in files.items():
            launched = json.loads(texts[program])
            launched["environment"] = {**launched["environment"], **environment}
            file.write_text(json.dumps(launched), encoding="utf-8")
            killed = stack.kill(program)
            stack.await_ready(program, 90, not_pid=killed)

    try:
        start_with(clock.environment)
        yield
    finally:
        start_with({})


@pytest.mark.matrix
@pytest.mark.parametrize("days", [1, -1])
def test_the_clock_of_redis_and_the_sidecar_is_set_in_the_middle_of_a_run(
    drops: Drops,
    version: EmbeddingVersion,
    failpoints: Failpoints,
    runtime: Runtime,
    stack: Stack,
    tmp_path: Path,
    days: int,
) -> None:
    clock = WallClock(tmp_path)
    with living_by(clock, stack, "redis", "sidecar"):
        stopped_run(drops, failpoints, "embed.after_batch", "embed.after_batch:3=pause", 144)
        before = embedded_texts(runtime.settings)
        clock.shift(days * DAY)
        failpoints.release("embed.after_batch")
        (first,) = drops.ended(1)
        assert (first.status, first.outcome, first.attempt) == (JobStatus.COMPLETED, "created", 1)
        # What was left, and the verdict's own sample.
        expected = 144 - 3 * runtime.config.pipeline.embed_batch + RECOMPUTED
        assert embedded_texts(runtime.settings) - before == expected
        assert_in_step(drops, version, 144)

        # The sidecar dies while it holds the lease, and nobody but its heir can start a run for this job.
        killed = stack.kill("sidecar")
        job_id = str(uuid.uuid4())
        with redis.Redis.from_url(runtime.settings.redis_url) as client:
            assert abs(client.time()[0] - days * DAY - time.time()) < 60, (
                "Redis does not live by the clock that was set"
            )
            client.xadd("ingest:jobs", _request(job_id, drops))
        stack.await_ready("sidecar", 90, not_pid=killed)
        states = drops.ended(2)
        assert states[0].job.job_id == job_id, "the newest job comes first"
        assert {state.status for state in states} == {JobStatus.COMPLETED}
        assert states[0].attempt == 1
        assert_in_step(drops, version, 144 + SECTIONS)
        clock.shift(0)


def _request(job_id: str, drops: Drops) -> dict[str, str]:
    snapshot = drops.runtime.snapshots.put_stream([page("Foreign", SECTIONS, f"foreign{drops.tag}").encode()])
    return {
        "job_id": job_id,
        "source_uri": "upload:///foreign.md",
        "content_type": "text/markdown",
        "checksum": snapshot.sha256,
        "tag": drops.tag,
        "created_at": "2026-11-23T20:00:00Z",
    }
