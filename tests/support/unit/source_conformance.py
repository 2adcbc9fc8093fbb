"""What every kind of source promises: a test module gives a fixture `keeper` and derives a class of these tests."""

from __future__ import annotations

from docgraph.sources.base import Change, Place, Source, covering


class Keeper:
    """A source, the means to put documents there, and the cursor that docgraph would keep."""

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


class SourceConformance:
    def test_an_empty_source_has_nothing_to_take(self, keeper: Keeper) -> None:
        assert keeper.source.poll({}) is None
        assert list(keeper.source.changes({})) == []

    def test_what_is_put_is_seen_given_and_then_settled_for_good(self, keeper: Keeper) -> None:
        wanted = {
            keeper.put("guide.md", b"# Guide\n"): b"# Guide\n",
            keeper.put("more/notes.md", b"# Notes\n"): b"# Notes\n",
        }
        assert keeper.source.poll(keeper.cursor) is not None
        assert keeper.take_all() == wanted
        assert keeper.source.poll(keeper.cursor) is None
        assert keeper.take_all() == {}

    def test_what_was_not_settled_is_given_again(self, keeper: Keeper) -> None:
        uri = keeper.put("guide.md", b"# Guide\n")
        assert [change.uri for change in keeper.changes()] == [uri]
        assert keeper.source.poll(keeper.cursor) is not None
        assert keeper.take_all() == {uri: b"# Guide\n"}

    def test_a_reader_that_stops_halfway_loses_nothing(self, keeper: Keeper) -> None:
        uris = {keeper.put(f"page{n}.md", b"# Page\n") for n in range(3)}
        first = next(iter(keeper.source.changes(keeper.cursor, keeper.source.poll(keeper.cursor) or [])))
        keeper.settle(first)
        assert set(keeper.take_all()) == uris - {first.uri}

    def test_new_content_under_the_same_name_is_a_new_version(self, keeper: Keeper) -> None:
        uri = keeper.put("guide.md", b"# One\n")
        (first,) = keeper.changes()
        keeper.settle(first)
        assert keeper.put("guide.md", b"# Two\n") == uri
        (second,) = keeper.changes()
        assert second.version != first.version
        assert b"".join(second.open()) == b"# Two\n"

    def test_settling_twice_does_nothing_more(self, keeper: Keeper) -> None:
        keeper.put("guide.md", b"# Guide\n")
        (change,) = keeper.changes()
        keeper.settle(change)
        keeper.settle(change)
        assert keeper.take_all() == {}

    def test_a_source_knows_its_own_addresses_and_where_they_stand(self, keeper: Keeper) -> None:
        uri = keeper.put("guide.md", b"# Guide\n")
        assert covering([keeper.source], uri) is keeper.source
        assert covering([keeper.source], "upload:///guide.md") is None
        location = keeper.source.locate(uri)
        assert (location.place, location.name, location.tag) == (Place.WAITING, "guide.md", "docs")
        assert keeper.source.locate(uri.replace("guide", "other")).place is Place.ABSENT

    def test_bytes_are_given_as_often_as_they_are_asked_for(self, keeper: Keeper) -> None:
        keeper.put("guide.md", bytes(range(256)) * 9000)
        (change,) = keeper.changes()
        assert [b"".join(change.open()) for _ in range(2)] == [bytes(range(256)) * 9000] * 2
