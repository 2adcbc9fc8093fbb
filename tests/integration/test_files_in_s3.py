"""A deployment whose files are objects: a document from intake to report, nothing on this machine's disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import STAGES, JobStatus
from docgraph.integrity.compare import compare_dataset
from docgraph.readiness import publishing
from docgraph.readiness.report import find_report, list_reports, read_report
from docgraph.readiness.retention import remove_expired
from docgraph.runtime.connections import Runtime
from docgraph.settings import AwsAccess, Settings
from support.contract.s3_server import s3_place, s3_server
from support.integration.work import ask, work_off

__all__ = ["s3_place", "s3_server"]

GUIDE = "# Guide\n\n" + "".join(f"## Part {n}\n\nThe option `--limit-{n}` bounds part {n}.\n\n" for n in range(40))


@pytest.fixture
def in_s3(settings: Settings, s3_place: tuple[str, AwsAccess], tmp_path: Path) -> Iterator[Runtime]:
    """The session's stores, with files in a bucket."""
    url, access = s3_place
    own_files = replace(
        settings,
        blobs_url=url,
        aws=access,
        artifacts_root=tmp_path / "artifacts_root",
        snapshots_root=tmp_path / "snapshots_root",
        reports_root=tmp_path / "reports_root",
    )
    with Runtime(own_files) as made:
        made.graph.ensure_schema()
        yield made


def test_a_document_is_ingested_changed_and_reported_without_a_file(
    in_s3: Runtime, version: EmbeddingVersion, tag: str, tmp_path: Path
) -> None:
    (job_id,) = ask(in_s3, tag, {"guide": GUIDE})
    run_id = work_off(in_s3, tag, [job_id])
    state = in_s3.state.jobs.get(job_id)
    assert (state.status, state.outcome) == (JobStatus.COMPLETED, "created"), state.error
    published = publishing.publish(in_s3, run_id, tag)
    assert in_s3.state.jobs.get(job_id).report == published.report_id
    assert find_report(in_s3.reports, tag=tag) == published.report_id
    assert read_report(in_s3.reports, published.report_id)["counts"]["embedded"] == 40
    (changed,) = ask(in_s3, tag, {"guide": GUIDE.replace("bounds part 7", "now bounds part 7")})
    work_off(in_s3, tag, [changed])
    assert in_s3.state.jobs.get(changed).counts["embedded"] == 1
    assert compare_dataset(in_s3, version, tag, with_vectors=True).is_equal
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_is_repeated_elsewhere_takes_up_what_the_bucket_holds(
    in_s3: Runtime, tag: str, tmp_path: Path
) -> None:
    (job_id,) = ask(in_s3, tag, {"guide": GUIDE})
    run_id = work_off(in_s3, tag, [job_id], stages=STAGES[:4])
    # Another worker: connections and folders of its own, the same settings.
    other = replace(in_s3.settings, artifacts_root=tmp_path / "elsewhere", snapshots_root=tmp_path / "nowhere")
    with Runtime(other) as elsewhere:
        work_off(elsewhere, tag, [job_id], run_id=run_id)
        state = elsewhere.state.jobs.get(job_id)
    assert (state.status, state.outcome) == (JobStatus.COMPLETED, "created"), state.error
    assert state.counts["embedded"] == 40


def test_retention_looks_into_the_bucket(in_s3: Runtime, tag: str) -> None:
    (job_id,) = ask(in_s3, tag, {"guide": GUIDE})
    run_id = work_off(in_s3, tag, [job_id])
    publishing.publish(in_s3, run_id, tag)
    removed = remove_expired(in_s3)
    assert (removed.artifacts, removed.vectors, removed.snapshots, removed.reports) == (0, 0, 0, 0)
    unused = in_s3.snapshots.put_stream([b"nobody asked for it"])
    at_once = (("DOCGRAPH_RETENTION_ARTIFACTS_DAYS", "1e-9"), ("DOCGRAPH_RETENTION_SNAPSHOTS_DAYS", "1e-9"))
    with Runtime(replace(in_s3.settings, options=at_once)) as impatient:
        removed = remove_expired(impatient)
    assert removed.artifacts > 0
    assert in_s3.snapshots.size(unused.sha256) is None
    assert in_s3.snapshots.size(in_s3.state.jobs.get(job_id).job.checksum) is not None, "a document was made from it"
    assert len(list_reports(in_s3.reports)) == 1
