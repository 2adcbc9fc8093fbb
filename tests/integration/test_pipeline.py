"""The whole pipeline on the real stores, without Airflow: what each kind of change costs and leaves behind."""

from __future__ import annotations

import uuid

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import JobNotFoundError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import STAGES, JobStatus
from docgraph.ingest import pipeline
from docgraph.integrity.compare import compare_dataset
from docgraph.readiness import publishing
from docgraph.readiness.report import read_report
from docgraph.runtime.connections import Runtime
from support.integration.store_service import Ingest, ingest
from support.integration.work import ask, work_off

__all__ = ["ingest"]


def _document(sections: int, *, changed: int | None = None) -> str:
    parts = [
        f"## Section {number}\n\nThe setting number {number} limits how many workers start{' again' if number == changed else ''}.\n"
        for number in range(sections)
    ]
    return "# Guide\n\n" + "\n".join(parts)


def _is_in_step(runtime: Runtime, version: EmbeddingVersion, tag: str) -> bool:
    return compare_dataset(runtime, version, tag, with_vectors=True).is_equal


@pytest.mark.task("6.2")
def test_a_new_document_is_created_and_both_stores_hold_the_same_set(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    (state,) = ingest(guide=_document(40))
    assert (state.status, state.outcome) == (JobStatus.COMPLETED, "created"), state.error
    assert state.counts["embedded"] == 40
    generation = set(runtime.graph.committed(state.document_id).generation)
    points = {p.section_id for p in runtime.vectors.scroll(version, document_id=state.document_id)}
    assert generation == points
    assert len(generation) == 40
    assert _is_in_step(runtime, version, tag)


@pytest.mark.task("6.2")
def test_an_unchanged_document_costs_nothing(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    ingest(guide=_document(20))
    before = runtime.graph.committed(document_id(tag, "upload:///guide.md"))
    (state,) = ingest(guide=_document(20))
    assert (state.outcome, state.counts.get("embedded", 0)) == ("unchanged", 0)
    assert runtime.graph.committed(before.document_id) == before


@pytest.mark.task("6.2")
def test_an_edited_sentence_embeds_one_section_and_keeps_the_others(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    ingest(guide=_document(60))
    (state,) = ingest(guide=_document(60, changed=30))
    assert state.outcome == "updated"
    assert state.counts["embedded"] == 1
    assert (state.counts["removed"], state.counts["reused"]) == (1, 59)
    assert _is_in_step(runtime, version, tag)


@pytest.mark.task("6.2")
def test_a_deletion_leaves_nothing_but_the_tombstone(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    ingest(guide=_document(10))
    (state,) = ingest(guide=None)
    assert state.outcome == "deleted"
    assert runtime.graph.committed(state.document_id).deleted
    assert list(runtime.vectors.scroll(version, document_id=state.document_id)) == []
    assert runtime.graph.section_hashes([state.document_id])[state.document_id] == {}


@pytest.mark.task("6.2")
def test_content_that_flips_back_stands_as_its_newest_version(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    ingest(guide="# A\n\nfirst text\n")
    ingest(guide="# A\n\nsecond text\n")
    (state,) = ingest(guide="# A\n\nfirst text\n")
    document = runtime.graph.committed(state.document_id)
    assert document.version == state.job.version
    assert _is_in_step(runtime, version, tag)


@pytest.mark.task("6.2")
def test_a_bad_document_fails_by_itself_and_the_others_go_on(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    states = ingest(empty="", latin=b"caf\xe9", binary=b"\x89PNG\x00\x00", good="# Good\n\ntext\n")
    by_name = {state.job.source_uri: state for state in states}
    good = by_name.pop("upload:///good.md")
    assert good.outcome == "created"
    assert {state.status for state in by_name.values()} == {JobStatus.FAILED}
    assert {state.error_code for state in by_name.values()} == {"empty", "not_utf8", "unsupported_format"}
    assert all(name.rpartition("/")[2] in state.error for name, state in by_name.items())
    assert _is_in_step(runtime, version, tag)


@pytest.mark.task("6.2")
def test_a_cancelled_job_changes_nothing(runtime: Runtime, version: EmbeddingVersion, tag: str) -> None:
    (job_id,) = ask(runtime, tag, {"guide": _document(5)})
    run_id = f"test-{uuid.uuid4().hex}"
    (batch,) = pipeline.claim(runtime, run_id, tag, [job_id])
    for stage in STAGES[:5]:
        pipeline.run_stage(runtime, stage, run_id, batch)
    runtime.state.jobs.cancel(job_id, "no longer wanted")
    pipeline.run_stage(runtime, "reconcile", run_id, batch)
    state = runtime.state.jobs.get(job_id)
    assert state.status is JobStatus.CANCELLED
    assert not runtime.graph.committed(state.document_id).exists


@pytest.mark.task("6.4")
def test_a_run_publishes_a_report_that_proves_its_verdict(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    (state,) = ingest(guide=_document(12))
    published = publishing.publish(runtime, state.run_id, tag)
    assert published.ready, published.sentence
    verdict = runtime.state.readiness.get(tag)
    assert verdict is not None
    assert verdict.ready
    assert runtime.state.jobs.get(state.job.job_id).report == published.report_id
    assert all(
        seconds > 0 for seconds in read_report(runtime.reports, published.report_id)["timings"]["stages"].values()
    )


@pytest.mark.task("6.4")
def test_a_lost_point_makes_the_dataset_not_ready(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    (state,) = ingest(guide=_document(12))
    lost = runtime.graph.committed(state.document_id).generation[3]
    runtime.vectors._client.delete(version.collection, points_selector=[lost], wait=True)
    published = publishing.publish(runtime, state.run_id, tag)
    assert not published.ready
    verdict = runtime.state.readiness.get(tag)
    assert verdict is not None
    assert "missing_vectors" in verdict.reasons


@pytest.mark.task("6.2")
def test_what_a_run_gave_up_is_done_when_its_task_is_cleared(
    runtime: Runtime, version: EmbeddingVersion, tag: str
) -> None:
    (job_id,) = ask(runtime, tag, {"guide": _document(3)})
    run_id = f"test-{uuid.uuid4().hex}"
    (batch,) = pipeline.claim(runtime, run_id, tag, [job_id])
    pipeline.run_stage(runtime, "parse", run_id, batch)
    assert publishing.publish(runtime, run_id, tag).failed == 1
    given_up = runtime.state.jobs.get(job_id)
    assert (given_up.status, given_up.error_code) == (JobStatus.FAILED, "stage_failed")

    for stage in STAGES[1:]:
        pipeline.run_stage(runtime, stage, run_id, batch)
    published = publishing.publish(runtime, run_id, tag)
    assert (published.failed, published.ready) == (0, True), published.sentence
    state = runtime.state.jobs.get(job_id)
    assert (state.status, state.outcome, state.attempt) == (JobStatus.COMPLETED, "created", 2)
    assert _is_in_step(runtime, version, tag)


@pytest.mark.task("6.2")
def test_a_cleared_claim_takes_up_what_its_run_gave_up(runtime: Runtime, version: EmbeddingVersion, tag: str) -> None:
    (job_id,) = ask(runtime, tag, {"guide": _document(3)})
    run_id = f"test-{uuid.uuid4().hex}"
    claimed = pipeline.claim(runtime, run_id, tag, [job_id])
    pipeline.close_run(runtime, run_id)
    assert pipeline.claim(runtime, run_id, tag, [job_id]) == claimed == [[job_id]]
    assert runtime.state.jobs.get(job_id).status is JobStatus.RUNNING


@pytest.mark.task("6.2")
def test_a_stage_whose_jobs_redis_has_lost_is_not_called_done(runtime: Runtime) -> None:
    lost = str(uuid.uuid4())
    with pytest.raises(JobNotFoundError, match=rf"lost 1 of the 1 jobs .*{lost}.* Send their documents again"):
        pipeline.run_stage(runtime, "parse", "run", [lost])


@pytest.mark.task("6.4")
def test_a_page_without_text_completes_as_empty_and_speaks_against_nothing(
    runtime: Runtime, version: EmbeddingVersion, tag: str
) -> None:
    pages = {
        f"index{n}": f"---\ntitle: Part {n}\ndescription: All pages of part {n}.\n---\n\n<Cards />\n" for n in range(3)
    }
    job_ids = ask(runtime, tag, {"guide": _document(12), **pages, "blank": "<!-- nothing yet -->\n"})
    published = publishing.publish(runtime, work_off(runtime, tag, job_ids), tag)
    states = runtime.state.jobs.get_many(job_ids)
    assert [state.status for state in states] == [JobStatus.COMPLETED] * 5, [state.error for state in states]
    assert sorted(state.outcome for state in states) == ["created", "empty", "empty", "empty", "empty"]
    report = read_report(runtime.reports, published.report_id)
    assert (report["counts"]["empty"], report["counts"]["failed"], report["ready_for_queries"]) == (4, 0, True)
    assert runtime.graph.counts(tag)["sections"] == 12 + 3
    assert _is_in_step(runtime, version, tag)
    again = runtime.state.jobs.get_many(ask(runtime, tag, {"index0": pages["index0"]}))
    work_off(runtime, tag)
    assert [state.outcome for state in runtime.state.jobs.get_many([s.job.job_id for s in again])] == ["unchanged"]
