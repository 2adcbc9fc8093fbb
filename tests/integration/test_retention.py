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

from docgraph.domain.documents import Point
from docgraph.domain.errors import JobNotFoundError
from docgraph.domain.jobs import STAGES, JobState, JobStatus
from docgraph.ingest import intake, pipeline
from docgraph.ingest.intake import NewJob
from docgraph.readiness import audit as auditing
from docgraph.readiness.report import find_report
from docgraph.readiness.retention import remove_expired
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from support.integration.work import ask, work_off

DAY = 86_400
Ingest = Callable[[str, str], JobState]


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Iterator[Runtime]:
    """The session's stores with files and a configuration of the test's own."""
    config = tmp_path / "ingest.yaml"
    config.write_text(
        "retention: {final_jobs_days: 30, artifacts_days: 14, snapshots_days: 30, reports_days: 90}\n", encoding="utf-8"
    )
    own_files = replace(
        settings,
        config_file=config,
        artifacts_root=tmp_path / "artifacts_root",
        snapshots_root=tmp_path / "snapshots_root",
        reports_root=tmp_path / "reports_root",
    )
    with Runtime(own_files) as made:
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
    work_off(runtime, tag, [job_id], stages=stages)
    return runtime.state.jobs.get(job_id)


def test_bytes_stay_as_long_as_a_document_or_a_job_may_need_them(own: Runtime, tag: str) -> None:
    live, live_sum = _enqueue(own, tag, "live", b"# Live\n\ntext that stays\n")
    assert _run(own, tag, live).status is JobStatus.COMPLETED
    failed, failed_sum = _enqueue(own, tag, "failed", b"caf\xe9")
    assert _run(own, tag, failed).status is JobStatus.FAILED
    _, queued_sum = _enqueue(own, tag, "queued", b"# Queued\n\ntext to come\n")
    unused = own.snapshots.put_stream([b"nobody asked for it"]).sha256
    _age(own.settings.snapshots_root, 31)
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
    assert not own.artifacts.has(own.state.jobs.checkpoints(done)["parse"].artifact)


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
    assert find_report(own.reports, tag=tag) == "20200102T000000.000000Z"


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


def _delete(runtime: Runtime, tag: str, name: str) -> str:
    """Delete a document that was ingested; returns its id."""
    (job_id,) = ask(runtime, tag, {name: None})
    assert _run(runtime, tag, job_id).status is JobStatus.COMPLETED
    document = runtime.state.jobs.get(job_id).document_id
    assert runtime.graph.committed(document).deleted
    return document


@pytest.fixture
def much_later(own: Runtime) -> Iterator[Runtime]:
    """The same stores seen by a retention for which everything is old."""
    config = own.settings.config_file.with_name("later.yaml")
    config.write_text("retention: {tombstones_days: 0.0000001}\n", encoding="utf-8")
    with Runtime(replace(own.settings, config_file=config)) as made:
        yield made


def _has_node(runtime: Runtime, document: str) -> bool:
    return runtime.graph.description(document) is not None


def test_a_tombstone_ends_when_it_is_old_and_nothing_needs_it(own: Runtime, much_later: Runtime, tag: str) -> None:
    job_id, _ = _enqueue(own, tag, "gone", b"# Gone\n\ntext\n")
    _run(own, tag, job_id)
    live = own.state.jobs.get(_enqueue(own, tag, "stays", b"# Stays\n\ntext\n")[0])
    _run(own, tag, live.job.job_id)
    document = _delete(own, tag, "gone")
    assert remove_expired(own).tombstones == 0
    assert _has_node(own, document)
    time.sleep(0.05)
    assert remove_expired(much_later).tombstones >= 1
    assert not _has_node(own, document)
    assert own.graph.committed(live.document_id).exists, "a live document is no tombstone"
    assert remove_expired(much_later).tombstones == 0


def test_a_document_that_comes_back_after_its_tombstone_goes_on_above_its_last_fence(
    own: Runtime, much_later: Runtime, tag: str
) -> None:
    job_id, _ = _enqueue(own, tag, "again", b"# Again\n\ntext\n")
    _run(own, tag, job_id)
    document = _delete(own, tag, "again")
    fence = own.graph.committed(document).fence
    time.sleep(0.05)
    remove_expired(much_later)
    assert not _has_node(own, document)
    back, _ = _enqueue(own, tag, "again", b"# Again\n\ntext\n")
    assert _run(own, tag, back).outcome == "created"
    assert own.graph.committed(document).fence > fence
    assert auditing.verify(own, tag).is_equal


def test_a_tombstone_stays_while_a_point_of_its_document_is_left_in_any_collection(
    own: Runtime, much_later: Runtime, tag: str
) -> None:
    job_id, _ = _enqueue(own, tag, "staged", b"# Staged\n\ntext\n")
    _run(own, tag, job_id)
    document = own.state.jobs.get(job_id).document_id
    (section,) = own.graph.committed(document).generation
    point = own.vectors.retrieve(own.embedding_version, [section], with_vectors=True)[section]
    assert _delete(own, tag, "staged") == document
    unused = replace(own.embedding_version, name=f"unused-{uuid.uuid4().hex[:8]}")
    own.vectors.ensure(unused)
    try:
        left = Point(section, document, tag, point.vector or (), point.text_hash, point.vector_hash)
        own.vectors.stage(unused, [left], fence=1)
        time.sleep(0.05)
        remove_expired(much_later)
        assert own.graph.committed(document).deleted
    finally:
        own.vectors.drop(unused)
    remove_expired(much_later)
    assert not _has_node(own, document)


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_tombstone_stays_while_a_job_of_its_document_may_still_run(
    own: Runtime, much_later: Runtime, tag: str, status: JobStatus
) -> None:
    job_id, _ = _enqueue(own, tag, "busy", b"# Busy\n\ntext\n")
    _run(own, tag, job_id)
    document = _delete(own, tag, "busy")
    later, _ = _enqueue(own, tag, "busy", b"caf\xe9" if status is JobStatus.FAILED else b"# Busy\n\nother text\n")
    if status is JobStatus.RUNNING:
        pipeline.claim(own, f"test-{uuid.uuid4().hex}", tag, [later])
    if status is JobStatus.FAILED:
        _run(own, tag, later)
    if status is JobStatus.CANCELLED:
        own.state.jobs.cancel(later, "the test says so")
    assert own.state.jobs.get(later).status is status
    time.sleep(0.05)
    remove_expired(much_later)
    assert own.graph.committed(document).deleted


def test_a_tombstone_that_got_a_higher_fence_meanwhile_is_left_alone(own: Runtime, tag: str) -> None:
    job_id, _ = _enqueue(own, tag, "audited", b"# Audited\n\ntext\n")
    _run(own, tag, job_id)
    document = _delete(own, tag, "audited")
    seen = own.graph.committed(document).fence
    own.graph.advance_fence(document, tag, fence=seen + 1, owner="audit", generation=())
    assert not own.graph.forget(document, seen)
    assert own.graph.committed(document).fence == seen + 1
    assert own.graph.forget(document, seen + 1)
    assert not own.graph.forget(document, seen + 1)
    assert not _has_node(own, document)


def test_what_others_link_to_stays_a_target_of_their_links(own: Runtime, much_later: Runtime, tag: str) -> None:
    target, _ = _enqueue(own, tag, "target", b"# Target\n\ntext\n")
    source, _ = _enqueue(own, tag, "source", b"# Source\n\nSee [it](target.md).\n")
    for job_id in (target, source):
        _run(own, tag, job_id)
    document = _delete(own, tag, "target")
    time.sleep(0.05)
    remove_expired(much_later)
    assert (own.graph.description(document) or {})["source_uri"] == "upload:///target.md"
    committed = own.graph.committed(document)
    assert (committed.exists, committed.deleted, committed.fence) == (False, False, 0)
    back, _ = _enqueue(own, tag, "target", b"# Target\n\ntext\n")
    assert _run(own, tag, back).outcome == "created"
    assert [
        link.document_id for link in own.graph.linked_documents(own.graph.committed(_document(own, source)).generation)
    ] == [document]
    assert auditing.verify(own, tag).is_equal


def _document(runtime: Runtime, job_id: str) -> str:
    return runtime.state.jobs.get(job_id).document_id
