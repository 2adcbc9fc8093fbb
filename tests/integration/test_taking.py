"""A source of any kind, from its changes to the jobs, on the real stores: cursors, deletions, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import DocumentError, InfrastructureError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import JobStatus, Operation
from docgraph.ingest.taking import take
from docgraph.runtime.connections import Runtime
from docgraph.sources.base import Change, Cursor
from docgraph.sources.memory import MemorySource
from support.integration.work import work_off


@pytest.fixture
def source(runtime: Runtime, tag: str) -> Iterator[MemorySource]:
    yield MemorySource(tag, tag)
    for uri in runtime.state.cursors.get(tag):
        runtime.state.cursors.note(tag, uri, None)


def outcomes(runtime: Runtime, source: MemorySource, tag: str) -> dict[str, str]:
    """Take what has changed and bring it through the stages; returns outcome by address."""
    jobs = take(runtime, source)
    if not jobs:
        return {}
    assert set(jobs) == {tag}
    work_off(runtime, tag, jobs[tag])
    return {state.job.source_uri: state.outcome for state in runtime.state.jobs.get_many(jobs[tag])}


@pytest.mark.task("6.2")
def test_a_mirrored_source_is_followed_change_by_change(
    runtime: Runtime, version: EmbeddingVersion, tag: str, source: MemorySource
) -> None:
    one, two = source.put("one.md", b"# One\n\nFirst.\n"), source.put("two.md", b"# Two\n\nSecond.\n")
    assert outcomes(runtime, source, tag) == {one: "created", two: "created"}
    assert outcomes(runtime, source, tag) == {}
    source.put("two.md", b"# Two\n\nChanged.\n")
    assert outcomes(runtime, source, tag) == {two: "updated"}
    source.remove("one.md")
    assert outcomes(runtime, source, tag) == {one: "deleted"}
    assert runtime.graph.committed(document_id(tag, one)).deleted
    assert set(runtime.state.cursors.get(tag)) == {two}
    assert outcomes(runtime, source, tag) == {}


class Stumbling(MemorySource):
    """A source that goes away after its first change, once."""

    def settle(self, change: Change) -> None:
        super().settle(change)
        if not hasattr(self, "_stumbled"):
            self._stumbled = True
            raise InfrastructureError("the source is unavailable")


@pytest.mark.task("6.2")
def test_what_was_not_settled_makes_the_same_job_again(runtime: Runtime, tag: str) -> None:
    source = Stumbling(tag, tag)
    one, two = source.put("one.md", b"# One\n\nFirst.\n"), source.put("two.md", b"# Two\n\nSecond.\n")
    with pytest.raises(InfrastructureError, match="unavailable"):
        take(runtime, source)
    jobs = take(runtime, source)[tag]
    found = runtime.state.jobs.find(tag=tag)
    assert sorted(state.job.source_uri for state in found) == [one, two], "no job twice"
    assert sorted(jobs) == sorted(state.job.job_id for state in found)
    for uri in runtime.state.cursors.get(tag):
        runtime.state.cursors.note(tag, uri, None)


class Refusing(MemorySource):
    """A source whose document "bad.md" can't become a document."""

    def changes(self, cursor: Cursor, seen: Collection[str] = ()) -> Iterator[Change]:
        for change in super().changes(cursor, seen):
            bad = change.uri.endswith("bad.md")
            yield Change(change.uri, change.tag, change.version, open=self._refuse) if bad else change

    def _refuse(self) -> Iterator[bytes]:
        raise DocumentError("bad.md is no document; send another.")
        yield b""


@pytest.mark.task("6.2")
def test_a_change_that_can_not_become_a_document_fails_alone(runtime: Runtime, tag: str) -> None:
    source = Refusing(tag, tag)
    source.put("bad.md", b"?")
    good = source.put("good.md", b"# Good\n\nText.\n")
    take(runtime, source)
    by_uri = {state.job.source_uri: state for state in runtime.state.jobs.find(tag=tag)}
    failed = by_uri.pop(f"memory://{tag}/bad.md")
    assert (failed.status, failed.error) == (JobStatus.FAILED, "bad.md is no document; send another.")
    assert [(uri, state.job.op) for uri, state in by_uri.items()] == [(good, Operation.UPSERT)]
    for uri in runtime.state.cursors.get(tag):
        runtime.state.cursors.note(tag, uri, None)
