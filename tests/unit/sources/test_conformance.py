"""What every kind of source promises, asked of each implementation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docgraph.sources.base import Change, Cursor, Place, Source, covering
from docgraph.sources.filesystem import DropFolder
from docgraph.sources.folder import FolderMirror
from docgraph.sources.http.options import HttpOptions
from docgraph.sources.http.source import WebList
from docgraph.sources.memory import MemorySource
from support.unit.web_site import Site, web_site


class Keeper:
    """A source with somebody who puts documents there, and the cursor that docgraph would keep."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.cursor: dict[str, str] = {}

    def put(self, name: str, data: bytes) -> str:
        raise NotImplementedError

    def changes(self) -> list[Change]:
        seen = self.source.poll(self.cursor)
        return list(self.source.changes(self.cursor, seen or []))

    def settle(self, change: Change) -> None:
        self.source.settle(change)
        if self.source.remembers:
            if change.deleted:
                self.cursor.pop(change.uri, None)
            else:
                self.cursor[change.uri] = change.version

    def take_all(self) -> dict[str, bytes]:
        """Settle everything that has changed; returns the bytes by address."""
        taken = {}
        seen = self.source.poll(self.cursor)
        for change in self.source.changes(self.cursor, seen or []):
            taken[change.uri] = b"".join(change.open())
            self.settle(change)
        return taken


class InMemory(Keeper):
    def put(self, name: str, data: bytes) -> str:
        assert isinstance(self.source, MemorySource)
        return self.source.put(name, data)


class InFolder(Keeper):
    def put(self, name: str, data: bytes) -> str:
        assert isinstance(self.source, DropFolder)
        path = self.source.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.with_name(path.name + ".ready").touch()
        return f"fs://ingest/watch/{name}"


class Mirrored(Keeper):
    def put(self, name: str, data: bytes) -> str:
        assert isinstance(self.source, FolderMirror)
        path = self.source.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"fs://manuals/{name}"


class OnTheWeb(Keeper):
    def __init__(self, site: Site) -> None:
        self._site = site
        where = site.list_as_json("/list.json")
        options = HttpOptions(allow_hosts=("127.0.0.1",), requests_per_second=1000)
        super().__init__(WebList(where, name="handbook", tag="docs", options=options))

    def put(self, name: str, data: bytes) -> str:
        uri = self._site.put(f"/{name}", data)
        self._site.list_as_json("/list.json")
        return uri


@pytest.fixture(params=["memory", "filesystem", "folder", "http"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeper]:
    if request.param == "memory":
        yield InMemory(MemorySource("notes", "docs"))
        return
    if request.param == "http":
        with web_site() as site:
            yield OnTheWeb(site)
        return
    root = tmp_path / "ingest" / "watch"
    root.mkdir(parents=True)
    if request.param == "folder":
        yield Mirrored(FolderMirror(root, name="manuals", tag="docs", settle_seconds=0.0))
        return
    yield InFolder(DropFolder(root))


def test_an_empty_source_has_nothing_to_take(keeper: Keeper) -> None:
    assert keeper.source.poll({}) is None
    assert list(keeper.source.changes({})) == []


def test_what_is_put_is_seen_given_and_then_settled_for_good(keeper: Keeper) -> None:
    wanted = {
        keeper.put("guide.md", b"# Guide\n"): b"# Guide\n",
        keeper.put("more/notes.md", b"# Notes\n"): b"# Notes\n",
    }
    assert keeper.source.poll(keeper.cursor) is not None
    assert keeper.take_all() == wanted
    assert keeper.source.poll(keeper.cursor) is None
    assert keeper.take_all() == {}


def test_what_was_not_settled_is_given_again(keeper: Keeper) -> None:
    uri = keeper.put("guide.md", b"# Guide\n")
    assert [change.uri for change in keeper.changes()] == [uri]
    assert keeper.source.poll(keeper.cursor) is not None
    assert keeper.take_all() == {uri: b"# Guide\n"}


def test_a_reader_that_stops_halfway_loses_nothing(keeper: Keeper) -> None:
    uris = {keeper.put(f"page{n}.md", b"# Page\n") for n in range(3)}
    first = next(iter(keeper.source.changes(keeper.cursor, keeper.source.poll(keeper.cursor) or [])))
    keeper.settle(first)
    assert set(keeper.take_all()) == uris - {first.uri}


def test_new_content_under_the_same_name_is_a_new_version(keeper: Keeper) -> None:
    uri = keeper.put("guide.md", b"# One\n")
    (first,) = keeper.changes()
    keeper.settle(first)
    assert keeper.put("guide.md", b"# Two\n") == uri
    (second,) = keeper.changes()
    assert second.version != first.version
    assert b"".join(second.open()) == b"# Two\n"


def test_settling_twice_does_nothing_more(keeper: Keeper) -> None:
    keeper.put("guide.md", b"# Guide\n")
    (change,) = keeper.changes()
    keeper.settle(change)
    keeper.settle(change)
    assert keeper.take_all() == {}


def test_a_source_knows_its_own_addresses_and_where_they_stand(keeper: Keeper) -> None:
    uri = keeper.put("guide.md", b"# Guide\n")
    assert covering([keeper.source], uri) is keeper.source
    assert covering([keeper.source], "upload:///guide.md") is None
    location = keeper.source.locate(uri)
    assert (location.place, location.name, location.tag) == (Place.WAITING, "guide.md", "docs")
    assert keeper.source.locate(uri.replace("guide", "other")).place is Place.ABSENT


def test_bytes_are_given_as_often_as_they_are_asked_for(keeper: Keeper) -> None:
    keeper.put("guide.md", bytes(range(256)) * 9000)
    (change,) = keeper.changes()
    assert [b"".join(change.open()) for _ in range(2)] == [bytes(range(256)) * 9000] * 2


def test_a_mirror_gives_what_has_gone_as_a_deletion() -> None:
    keeper = InMemory(MemorySource("notes", "docs"))
    uri = keeper.put("guide.md", b"# Guide\n")
    keeper.take_all()
    assert isinstance(keeper.source, MemorySource)
    keeper.source.remove("guide.md")
    (change,) = keeper.changes()
    assert (change.uri, change.deleted) == (uri, True)
    keeper.settle(change)
    assert keeper.cursor == {}
    assert keeper.source.poll(keeper.cursor) is None


def test_a_plan_is_a_value_with_an_id_of_what_it_says() -> None:
    source = MemorySource("notes", "docs")
    one = source.put("one.md", b"1")
    cursor: Cursor = {one: "old", "memory://notes/gone.md": "1"}
    two = source.put("two.md", b"2")
    plan = source.plan(cursor)
    assert (plan.added, plan.changed, plan.removed) == ((two,), (one,), ("memory://notes/gone.md",))
    assert plan.plan_id == source.plan(dict(sorted(cursor.items(), reverse=True))).plan_id
    source.put("two.md", b"3")
    assert plan.plan_id != source.plan(cursor).plan_id
    assert source.plan({one: plan.versions[one], two: source.plan(cursor).versions[two]}).is_empty
