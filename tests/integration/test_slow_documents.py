"""A document that takes too long fails alone, in whatever stage: at once, not after retries, and the others of its batch go on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from docgraph.domain.errors import InfrastructureError
from docgraph.domain.jobs import JobStatus
from docgraph.extraction import registry
from docgraph.extraction.findings import DocumentView, Finding
from docgraph.ingest import pipeline
from docgraph.ingest.stages import build_graph
from docgraph.runtime.connections import Runtime
from support.integration.work import ask, work_off

SLOW = "# Slow\n\nThis one never ends.\n"


class BrokenOff(BaseException):
    """What a task's clock raises."""


class Endless:
    """A rule of a plug-in that does not come to an end over some documents."""

    name = "endless"
    version = 1

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Find nothing, for ever where a document says so."""
        while "never ends" in document.sections[0].text:
            pass
        return iter(())


@pytest.fixture
def hurried(runtime: Runtime) -> Iterator[Runtime]:
    """The session's stores, with short limits for a document."""
    limits = runtime.config.limits.model_copy(update={"document_seconds": 1.0, "reader_seconds": 1.0})
    hurried = Runtime(runtime.settings)
    hurried.config = runtime.config.model_copy(update={"limits": limits})
    with hurried:
        yield hurried


def _five_and(bad: str | bytes) -> dict[str, str | bytes]:
    return {"bad": bad, **{f"good{number}": f"# Good {number}\n\nOne line.\n" for number in range(5)}}


def _check(runtime: Runtime, ids: list[str], began: float, said: str) -> None:
    bad, *good = runtime.state.jobs.get_many(ids)
    assert {each.status for each in good} == {JobStatus.COMPLETED}
    assert (bad.status, bad.error_code, bad.attempt) == (JobStatus.FAILED, "too_slow", 1), bad.error
    assert said in (bad.error or "")
    assert time.monotonic() - began < 60


def test_a_rule_that_does_not_end_fails_its_document_and_no_other(
    hurried: Runtime, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, Endless()))
    registry.extractors.cache_clear()
    try:
        ids, began = ask(hurried, tag, _five_and(SLOW)), time.monotonic()
        work_off(hurried, tag)
    finally:
        monkeypatch.undo()
        registry.extractors.cache_clear()
    _check(hurried, ids, began, "extract took more than 1 s")


def test_a_document_whose_reading_does_not_end_fails_and_no_other(hurried: Runtime, tag: str) -> None:
    page = b"# Name\n\ntext\n\n" * 60_000
    ids, began = ask(hurried, tag, _five_and(page)), time.monotonic()
    work_off(hurried, tag)
    _check(hurried, ids, began, "reading took more than 1 s")


def test_rows_that_take_too_long_to_make_fail_their_document_and_no_other(
    hurried: Runtime, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build_graph.section_rows

    def make(parsed: object, *others: object) -> object:
        while "never ends" in str(parsed):
            pass
        return made(parsed, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(build_graph, "section_rows", make)
    ids, began = ask(hurried, tag, _five_and(SLOW)), time.monotonic()
    work_off(hurried, tag)
    _check(hurried, ids, began, "build_graph took more than 1 s")


def test_a_task_that_takes_too_long_says_which_document_was_under_way_and_goes_on_when_tried_again(
    runtime: Runtime, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ring(*_: object) -> None:
        raise BrokenOff

    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, Endless()))
    registry.extractors.cache_clear()
    ids = ask(runtime, tag, _five_and(SLOW))
    run_id = f"test-{tag}"
    (batch,) = pipeline.claim(runtime, run_id, tag, ids)
    pipeline.run_stage(runtime, "parse", run_id, batch)
    before = signal.signal(signal.SIGALRM, ring)
    outer = signal.setitimer(signal.ITIMER_REAL, 2.0)
    try:
        with pytest.raises(InfrastructureError, match=r"under way: upload:///bad\.md; what is done stays done"):
            pipeline.run_stage(runtime, "extract", run_id, batch, breaks=(BrokenOff,))
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *outer)
        monkeypatch.undo()
        registry.extractors.cache_clear()
    assert all("pipeline.task_seconds" in (each.error or "") for each in runtime.state.jobs.get_many(ids))
    for stage in ("extract", "build_graph", "embed", "vector_upsert", "reconcile"):
        pipeline.run_stage(runtime, stage, run_id, batch, breaks=(BrokenOff,))
    assert {each.status for each in runtime.state.jobs.get_many(ids)} == {JobStatus.COMPLETED}
