"""A source of any kind, from its changes to the jobs, on the real stores: cursors, deletions, and what a crash leaves."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import DocumentError, InfrastructureError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import JobStatus, Operation
from docgraph.ingest.taking import approve, take
from docgraph.runtime.connections import Runtime
from docgraph.sources.base import Change, Cursor
from docgraph.sources.filesystem import DropFolder
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


@pytest.mark.task("6.1")
def test_bad_drops_cost_the_good_ones_in_the_same_round_nothing(runtime: Runtime, tag: str, tmp_path: Path) -> None:
    root = tmp_path / "watch"
    (root / tag / "folder.md").mkdir(parents=True)
    folder = DropFolder(root)
    announce(root / tag / "inner", "# A file where a folder comes\n")
    take(runtime, folder)
    names = [
        "deep/" * 200 + "a.md",
        "\u65e5" * 80 + ".md",
        os.fsdecode(b"caf\xe9.md"),
        os.fsdecode(b"caf\xe8.md"),
        "x?#%.md",
    ]
    for name in names:
        announce(root / tag / name, "# Page\n\nText.\n")
    for name in ("cafe\u0301.md", "caf\u00e9.md", "inner/good.md", *(f"good{number}.md" for number in range(8))):
        announce(root / tag / name, f"# Page of {name}\n\nText.\n")
    (root / tag / "linked").symlink_to(tmp_path)
    (root / tag / "linked.ready").touch()
    taken = take(runtime, folder)
    assert taken.unsettled is None
    states = {
        unquote(each.job.source_uri).rpartition("/")[2]: each for each in runtime.state.jobs.get_many(taken.jobs[tag])
    }
    queued = {name for name, each in states.items() if each.status is JobStatus.QUEUED}
    assert {"good.md", "a.md", "x?#%.md", *(f"good{number}.md" for number in range(8))} <= queued
    failed = {name: each.error for name, each in states.items() if each.status is JobStatus.FAILED}
    assert "is a link" in failed["linked"]
    refused = [
        each
        for each in runtime.state.jobs.find(tag=tag, status=JobStatus.FAILED)
        if "address of another file" in each.error
    ]
    assert len(refused) == 2
    assert folder.left_claimed() == []
    assert folder.poll() is None


@pytest.mark.task("6.1")
def test_an_original_that_can_not_be_put_aside_keeps_its_job_and_stops_no_other(
    runtime: Runtime, tag: str, tmp_path: Path
) -> None:
    folder = DropFolder(tmp_path / "watch")
    folder.done_root.write_text("in the way")
    for number in range(3):
        announce(folder.root / tag / f"{number}.md", f"# Page {number}\n")
    taken = take(runtime, folder)
    assert len(taken.jobs[tag]) == 3
    assert "Can't put aside" in str(taken.unsettled)
    folder.done_root.unlink()
    assert take(runtime, folder).unsettled is None
    assert len(runtime.state.jobs.find(tag=tag)) == 3


def announce(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.with_name(f"{path.name}.ready").touch()


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


class Faulty(Refusing):
    def _refuse(self) -> Iterator[bytes]:
        raise ZeroDivisionError("nobody foresaw this")
        yield b""


@pytest.mark.task("6.2")
def test_a_change_that_breaks_what_reads_it_fails_alone(runtime: Runtime, tag: str) -> None:
    source = Faulty(tag, tag)
    source.put("bad.md", b"?")
    source.put("good.md", b"# Good\n\nText.\n")
    take(runtime, source)
    by_name = {state.job.source_uri.rpartition("/")[2]: state for state in runtime.state.jobs.find(tag=tag)}
    assert by_name["good.md"].status is JobStatus.QUEUED
    assert "ZeroDivisionError: nobody foresaw this. This is a fault of docgraph" in by_name["bad.md"].error
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
