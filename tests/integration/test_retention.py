"""What retention removes and what it must not, on the real stores and files of its own."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from docgraph import auditing, intake, pipeline
from docgraph.errors import JobNotFoundError
from docgraph.intake import NewJob
from docgraph.model.jobs import STAGES, JobState, JobStatus
from docgraph.reporting import report_folder
from docgraph.retention import remove_expired
from docgraph.runtime import Runtime
from docgraph.settings import Settings

DAY = 86_400
Ingest = Callable[[str, str], JobState]


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Iterator[Runtime]:
    """The session's stores with files and a configuration of the test's own."""
    config = tmp_path / "ingest.yaml"
    config.write_text(
        "retention: {final_jobs_days: 30, artifacts_days: 14, snapshots_days: 30, reports_days: 90}\n", encoding="utf-8"
    )
    folders = {name: tmp_path / name for name in ("artifacts_root", "snapshots_root", "reports_root")}
    with Runtime(replace(settings, config_file=config, **folders)) as made:
        made.graph.ensure_schema()
        yield made


def _age(root: Path, days: float) -> None:
    then = time.time() - days * DAY
    for folder, _, names in os.walk(root):
        for name in names:
            os.utime(Path(folder, name), (then, then))


def _enqueue(runtime: Runtime, tag: str, name: str, content: bytes) -> tuple[str, str]:
    snapshot = runtime.snapshots.put_stream([content])
    news = [NewJob(f"upload:///{name}.md", tag, snapshot.sha256, size=snapshot.size)]
    return intake.accept(runtime, news)[0].job_id, snapshot.sha256


def _run(runtime: Runtime, tag: str, job_id: str, stages: tuple[str, ...] = STAGES) -> JobState:
    run_id = f"test-{uuid.uuid4().hex}"
    for batch in pipeline.claim(runtime, run_id, tag, [job_id]):
        for stage in stages:
            pipeline.run_stage(runtime, stage, run_id, batch)
    return runtime.state.jobs.get(job_id)


def test_bytes_stay_as_long_as_a_document_or_a_job_may_need_them(own: Runtime, tag: str) -> None:
    live, live_sum = _enqueue(own, tag, "live", b"# Live\n\ntext that stays\n")
    assert _run(own, tag, live).status is JobStatus.COMPLETED
    failed, failed_sum = _enqueue(own, tag, "failed", b"caf\xe9")
    assert _run(own, tag, failed).status is JobStatus.FAILED
    _, queued_sum = _enqueue(own, tag, "queued", b"# Queued\n\ntext to come\n")
    unused = own.snapshots.put_stream([b"nobody asked for it"]).sha256
    _age(own.snapshots.root, 31)
    fresh = own.snapshots.put_stream([b"uploaded, and the job not yet posted"]).sha256
    assert remove_expired(own).snapshots == 1
    assert {i for i in (live_sum, failed_sum, queued_sum, unused, fresh) if own.snapshots.exists(i)} == {
        live_sum, failed_sum, queued_sum, fresh,
    }  # fmt: skip


def test_what_stages_left_goes_unless_a_live_job_refers_to_it(own: Runtime, tag: str) -> None:
    done, _ = _enqueue(own, tag, "done", b"# Done\n\ntext\n")
    _run(own, tag, done)
    half, _ = _enqueue(own, tag, "half", b"# Half\n\nother text\n")
    _run(own, tag, half, STAGES[:2])
    own.journal.put("v", str(uuid.uuid4()), {str(uuid.uuid4()): np.ones(3, dtype=np.float32)})
    _age(own.settings.artifacts_root, 15)
    removed = remove_expired(own)
    assert removed.artifacts > 0
    assert removed.vectors > 0
    checkpoints = own.state.jobs.checkpoints(half)
    assert set(checkpoints) == {"parse", "extract"}
    assert all(own.artifacts.get_json(checkpoint.artifact) for checkpoint in checkpoints.values())
    assert own.artifacts.has("parse", own.state.jobs.checkpoints(done)["parse"].fingerprint) is None


def test_nothing_that_was_used_lately_goes(own: Runtime, tag: str) -> None:
    job_id, _ = _enqueue(own, tag, "new", b"# New\n\ntext\n")
    _run(own, tag, job_id)
    removed = remove_expired(own)
    assert (removed.artifacts, removed.vectors, removed.snapshots, removed.reports) == (0, 0, 0, 0)


def test_the_latest_report_of_a_dataset_stays_however_old(own: Runtime, tag: str) -> None:
    job_id, _ = _enqueue(own, tag, "guide", b"# Guide\n\ntext\n")
    _run(own, tag, job_id)
    root = own.settings.reports_root
    ids = [auditing.repair(own, tag).report for _ in range(2)]
    (root / ids[0]).rename(root / "20200101T000000.000000Z")
    assert remove_expired(own).reports == 1
    assert not (root / "20200101T000000.000000Z").exists()
    (root / ids[1]).rename(root / "20200102T000000.000000Z")
    for link in ("latest", f"latest-{tag}"):
        (root / link).unlink()
        (root / link).symlink_to("20200102T000000.000000Z")
    assert remove_expired(own).reports == 0
    assert report_folder(root, tag=tag).name == "20200102T000000.000000Z"


def test_jobs_that_ended_long_ago_go(own: Runtime, settings: Settings, tag: str) -> None:
    job_id, _ = _enqueue(own, tag, "guide", b"# Guide\n\ntext\n")
    _run(own, tag, job_id)
    assert remove_expired(own).jobs == 0
    config = own.settings.config_file.with_name("at-once.yaml")
    config.write_text("retention: {final_jobs_days: 0.000001}\n", encoding="utf-8")
    time.sleep(0.2)
    with Runtime(replace(own.settings, config_file=config)) as impatient:
        assert remove_expired(impatient).jobs >= 1
    with pytest.raises(JobNotFoundError):
        own.state.jobs.get(job_id)
