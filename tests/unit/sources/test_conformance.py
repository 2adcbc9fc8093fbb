"""What every kind of source promises, asked of each implementation that needs no other program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docgraph.sources.base import Cursor
from docgraph.sources.filesystem import DropFolder
from docgraph.sources.folder import FolderMirror
from docgraph.sources.http.options import HttpOptions
from docgraph.sources.http.source import WebList
from docgraph.sources.memory import MemorySource
from support.unit.source_conformance import Keeper, SourceConformance
from support.unit.web_site import Site, web_site


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


class TestSources(SourceConformance):
    """Every implementation, by the fixture's parameters."""


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
