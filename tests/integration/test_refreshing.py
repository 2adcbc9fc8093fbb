"""Documents that an older reader made are read again, those of other formats are not, and nothing newer is turned back."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import Operation
from docgraph.formats import registry
from docgraph.ingest import intake, work
from docgraph.ingest.intake import NewJob
from docgraph.ingest.refreshing import refresh
from docgraph.runtime.connections import Runtime
from support.integration.work import ask, uri_of, work_off

GUIDE = "# Guide\n\n## Start\n\nTurn the key.\n\n## Stop\n\nTurn it back.\n"


def raised(monkeypatch: pytest.MonkeyPatch, **steps: int) -> None:
    """Let the readers of these formats be newer."""
    today: Mapping[str, int] = registry.versions()
    monkeypatch.setattr(
        work, "versions", lambda: {name: version + steps.get(name, 0) for name, version in today.items()}
    )


def send(runtime: Runtime, tag: str, name: str, data: bytes, content_type: str) -> str:
    snapshot = runtime.snapshots.put_stream([data])
    new = NewJob(f"upload:///{name}", tag, snapshot.sha256, content_type, size=snapshot.size)
    return intake.accept(runtime, [new])[0].job_id


@pytest.mark.task("6.2")
def test_only_documents_of_the_newer_reader_are_read_again_and_nothing_unchanged_is_embedded(
    runtime: Runtime, version: EmbeddingVersion, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send(runtime, tag, "guide.md", GUIDE.encode(), "text/markdown")
    send(runtime, tag, "notes.txt", b"Notes.\n\nThe pump is blue.\n", "text/plain")
    work_off(runtime, tag)
    assert runtime.state.jobs.get(first).counts["embedded"] == 2
    assert refresh(runtime, tag).jobs == {}, "what is as it would be made today is left alone"

    raised(monkeypatch, markdown=1)
    (job_id,) = refresh(runtime, tag).jobs[tag]
    work_off(runtime, tag, [job_id])
    state = runtime.state.jobs.get(job_id)
    assert state.job.source_uri == "upload:///guide.md"
    assert state.counts["reused"] == 2, "read again, with the same sections"
    assert state.counts.get("embedded", 0) == 0, "no vector computed"
    assert runtime.graph.committed(document_id(tag, "upload:///guide.md")).pipeline.startswith(
        work.pipeline_version(runtime).common
    )
    assert refresh(runtime, tag).jobs == {}


@pytest.mark.task("6.2")
def test_what_was_asked_for_meanwhile_is_not_turned_back(
    runtime: Runtime, version: EmbeddingVersion, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(runtime, tag, {"changed": GUIDE, "gone": GUIDE, "same": GUIDE})
    work_off(runtime, tag)
    raised(monkeypatch, markdown=1)
    ask(runtime, tag, {"changed": GUIDE + "\nMore.\n", "gone": None})
    (job_id,) = refresh(runtime, tag).jobs[tag]
    assert runtime.state.jobs.get(job_id).job.source_uri == uri_of("same")
    assert refresh(runtime, tag).jobs == {tag: [job_id]}, "the queued job answers for a second request"
    queued = {state.job.source_uri: state for state in runtime.state.jobs.find(tag=tag) if not state.status.is_final}
    assert queued[uri_of("gone")].job.op is Operation.DELETE
    work_off(runtime, tag)
    assert not runtime.graph.committed(document_id(tag, uri_of("gone"))).exists
    assert refresh(runtime, tag).jobs == {}


@pytest.mark.task("6.2")
def test_a_document_whose_bytes_are_gone_stays_and_is_named(
    runtime: Runtime,
    version: EmbeddingVersion,
    tag: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (job_id,) = ask(runtime, tag, {"guide": f"{GUIDE}\n{tag}\n"})
    work_off(runtime, tag)
    checksum = runtime.state.jobs.get(job_id).job.checksum
    next(runtime.settings.snapshots_root.rglob(f"*{checksum}*")).unlink()
    raised(monkeypatch, markdown=1)
    with caplog.at_level("WARNING"):
        assert refresh(runtime, tag).jobs == {}
    assert f"{uri_of('guide')} can't be read again: its bytes are no longer kept" in caplog.text
