"""A source of any kind, from its changes to the jobs, on the real stores: cursors, deletions, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import DocumentError, InfrastructureError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import JobStatus, Operation
from docgraph.ingest.taking import approve, take
from docgraph.runtime.connections import Runtime
from docgraph.sources.base import Change, Cursor
from docgraph.sources.memory import MemorySource
from docgraph.state import awaited
from support.integration.work import work_off


def forget(runtime: Runtime, source: str) -> None:
    runtime.state.cursors.forget(source)
    runtime.state.withheld.end(source)


@pytest.fixture
def source(runtime: Runtime, tag: str) -> Iterator[MemorySource]:
    yield MemorySource(tag, tag)
    forget(runtime, tag)


def outcomes(runtime: Runtime, source: MemorySource, tag: str) -> dict[str, str]:
    """Take what has changed and bring it through the stages; returns outcome by address."""
    jobs = take(runtime, source).jobs
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
    jobs = take(runtime, source).jobs[tag]
    found = runtime.state.jobs.find(tag=tag)
    assert sorted(state.job.source_uri for state in found) == [one, two], "no job twice"
    assert sorted(jobs) == sorted(state.job.job_id for state in found)
    forget(runtime, tag)


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
    forget(runtime, tag)


def settled(runtime: Runtime, source: MemorySource, count: int) -> list[str]:
    uris = [source.put(f"{number}.md", f"# Page {number}\n\nText.\n".encode()) for number in range(count)]
    take(runtime, source)
    return uris


def lose(source: MemorySource, count: int) -> None:
    for number in range(count):
        source.remove(f"{number}.md")


@pytest.mark.task("6.2")
def test_bytes_that_are_those_settled_last_make_no_job(runtime: Runtime, tag: str, source: MemorySource) -> None:
    uri = source.put("one.md", b"# One\n\nFirst.\n")
    assert len(take(runtime, source).jobs[tag]) == 1
    source.put("one.md", b"# One\n\nFirst.\n", version="touched")
    assert take(runtime, source).jobs == {}
    assert runtime.state.cursors.versions(tag) == {uri: "touched"}
    source.put("one.md", b"# One\n\nSecond.\n", version="written")
    assert len(take(runtime, source).jobs[tag]) == 1


@pytest.mark.task("6.2")
def test_a_source_that_keeps_what_it_lost_deletes_nothing(runtime: Runtime, tag: str, source: MemorySource) -> None:
    settled(runtime, source, 2)
    source.remove("0.md")
    assert take(runtime, source, keep_deleted=True).jobs == {}
    assert len(runtime.state.cursors.get(tag)) == 1
    assert take(runtime, source, keep_deleted=True).jobs == {}


@pytest.mark.task("6.2")
def test_too_many_deletions_wait_for_a_person_and_wake_nobody_meanwhile(
    runtime: Runtime, tag: str, source: MemorySource
) -> None:
    uris = settled(runtime, source, 10)
    lose(source, 4)
    source.put("9.md", b"# Page 9\n\nChanged.\n")
    taken = take(runtime, source)
    assert len(taken.jobs[tag]) == 1, "the change is taken, the deletions are not"
    assert taken.withheld is not None
    assert (sorted(taken.withheld.removed), taken.withheld.known) == (uris[:4], 10)
    cursor = runtime.state.cursors.versions(tag)
    assert len(cursor) == 10
    assert source.poll(awaited(cursor, runtime.state.withheld.get(tag))) is None
    again = take(runtime, source).withheld
    assert again == taken.withheld, "the same question, asked once"

    assert approve(runtime, source, "0" * 64) is None
    approved = approve(runtime, source, taken.withheld.plan_id)
    assert approved is not None
    jobs = runtime.state.jobs.get_many(approved.jobs[tag])
    assert sorted((state.job.source_uri, state.job.op) for state in jobs) == [
        (uri, Operation.DELETE) for uri in uris[:4]
    ]
    assert runtime.state.withheld.get(tag) is None
    assert source.poll(runtime.state.cursors.versions(tag)) is None


@pytest.mark.task("6.2")
def test_a_refusal_holds_until_something_else_has_gone(runtime: Runtime, tag: str, source: MemorySource) -> None:
    settled(runtime, source, 10)
    lose(source, 4)
    first = take(runtime, source).withheld
    assert first is not None
    assert runtime.state.withheld.refuse(tag, first.plan_id, "admin")
    assert take(runtime, source).withheld is None, "nobody is asked twice"
    source.remove("4.md")
    second = take(runtime, source).withheld
    assert second is not None
    assert len(second.removed) == 5
    assert not runtime.state.withheld.refuse(tag, first.plan_id, "admin"), "an answer to the first question"
    assert approve(runtime, source, first.plan_id) is None


@pytest.mark.task("6.2")
def test_what_came_back_before_the_answer_is_not_deleted(runtime: Runtime, tag: str, source: MemorySource) -> None:
    settled(runtime, source, 10)
    lose(source, 5)
    withheld = take(runtime, source).withheld
    assert withheld is not None
    source.put("0.md", b"# Page 0\n\nText.\n")
    approved = approve(runtime, source, withheld.plan_id)
    assert approved is not None
    assert len(approved.jobs[tag]) == 4
    assert f"memory://{tag}/0.md" in runtime.state.cursors.get(tag)


@pytest.mark.task("6.2")
def test_a_share_that_is_mounted_again_ends_the_question(runtime: Runtime, tag: str, source: MemorySource) -> None:
    settled(runtime, source, 6)
    lose(source, 6)
    assert take(runtime, source).withheld is not None
    settled(runtime, source, 6)
    assert runtime.state.withheld.get(tag) is None
    assert runtime.state.withheld.all() == []
