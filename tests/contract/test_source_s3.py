"""A bucket as a source, over HTTP: listings, hostile keys, objects that change under the look, and services that differ."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from docgraph.domain.errors import (
    DocumentError,
    DocumentTooLargeError,
    InfrastructureError,
)
from docgraph.settings import AwsAccess
from docgraph.sources.base import Change, ChangedMeanwhileError, Place
from docgraph.sources.s3 import S3Mirror, S3Options, uri_of
from support.contract.moto_server import BREAKS_OFF, DENIES, NO_CONDITIONS, OTHER_ETAGS
from support.contract.s3_server import s3_client
from support.unit.source_conformance import Keeper, SourceConformance

Access = tuple[str, AwsAccess]


@dataclass
class Shelf:
    """A place in a bucket, with a client beside the source, and the cursor that docgraph would keep."""

    access: AwsAccess
    bucket: str
    prefix: str
    cursor: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = s3_client(self.access)
        self.source = self.mirror()

    def mirror(self, options: S3Options | None = None, max_bytes: int = 2**20) -> S3Mirror:
        return S3Mirror(
            self.bucket, self.prefix, self.access, name="shelf", tag="docs", max_bytes=max_bytes, options=options
        )

    def put(self, name: str, data: bytes = b"# A page\n", **more: Any) -> str:
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=data, **more)
        return uri_of(self.bucket, self.prefix + name)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + name)

    def look(self, source: S3Mirror | None = None) -> list[Change]:
        source = source or self.source
        changes = list(source.changes(self.cursor))
        assert (source.poll(self.cursor) is None) == (not changes), (
            "a worker is woken for what there is, and for nothing else"
        )
        return changes

    def take(self, source: S3Mirror | None = None) -> dict[str, bytes | None]:
        """Settle all that has changed; returns the bytes by address, None for what has gone."""
        taken: dict[str, bytes | None] = {}
        for change in self.look(source):
            taken[change.uri] = None if change.deleted else b"".join(change.open())
            if change.deleted:
                del self.cursor[change.uri]
            else:
                self.cursor[change.uri] = change.version
        return taken

    def clear(self) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
            if found := [{"Key": entry["Key"]} for entry in page.get("Contents", ())]:
                self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": found})


@pytest.fixture
def shelf(s3_place: Access) -> Iterator[Shelf]:
    url, access = s3_place
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    made = Shelf(access, bucket, f"{prefix}/")
    yield made
    made.clear()


class InBucket(Keeper):
    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf.mirror(S3Options(folders_are_tags=False), max_bytes=2**24))
        self._shelf = shelf

    def put(self, name: str, data: bytes) -> str:
        return self._shelf.put(name, data)


class TestS3(SourceConformance):
    @pytest.fixture
    def keeper(self, shelf: Shelf) -> Keeper:
        return InBucket(shelf)


def odd(s3_server: Access, bucket: str) -> Shelf:
    """A bucket of the test server that behaves as its name says."""
    if os.environ.get("DOCGRAPH_TEST_S3_URL"):
        pytest.skip("a real service has no bucket that misbehaves")
    shelf = Shelf(s3_server[1], bucket, "")
    if bucket != DENIES:
        shelf.client.create_bucket(Bucket=bucket)
    return shelf


def test_what_is_put_changed_and_removed_is_given_once(shelf: Shelf) -> None:
    pages = {shelf.put(f"page{n}.md", b"# Page %d\n" % n): b"# Page %d\n" % n for n in range(20)}
    assert shelf.take() == pages
    assert shelf.take() == {}
    changed = {shelf.put(f"page{n}.md", b"# Other %d\n" % n): b"# Other %d\n" % n for n in range(5)}
    for n in range(10, 13):
        shelf.remove(f"page{n}.md")
    gone = {uri_of(shelf.bucket, f"{shelf.prefix}page{n}.md"): None for n in range(10, 13)}
    assert shelf.take() == {**changed, **gone}
    assert shelf.take() == {}


def test_the_same_size_in_the_same_second_is_another_version(shelf: Shelf) -> None:
    uri = shelf.put("page.md", b"# One\n")
    shelf.take()
    shelf.put("page.md", b"# Two\n")
    assert shelf.take() == {uri: b"# Two\n"}


def test_a_listing_of_more_than_a_page_is_read_to_its_end(shelf: Shelf) -> None:
    for n in range(1201):
        shelf.put(f"{n:04}.md", b"# Page\n")
    first = shelf.look()
    assert len({change.uri for change in first}) == 1201
    shelf.cursor = {change.uri: change.version for change in first}
    shelf.remove("1200.md")
    shelf.put("0003.md", b"# Changed\n")
    changes = [(change.uri.rpartition("/")[2], change.deleted) for change in shelf.look()]
    assert changes == [("0003.md", False), ("1200.md", True)]


HOSTILE = (
    "Upper.md",
    "upper.md",
    "UPPER.MD",
    "with space.md",
    "with+plus.md",
    "with%20percent.md",
    "100%.md",
    "query?a=b&c.md",
    "fragment#top.md",
    "caf\u00e9.md",
    "cafe\u0301.md",
    "日本語.md",
    "a//b.md",
    "a/b.md",
    "/leading.md",
    "leading.md",
    "quote'\"<>&.md",
    "star*[1].md",
    "back\\slash.md",
    "semi;colon:at@equals=.md",
    "{{ braces }}.md",
    "a\ttab.md",
    "bell\x07.md",
    "x" * 180 + ".md",
)


def test_hostile_keys_are_documents_of_their_own(shelf: Shelf) -> None:
    wanted = {shelf.put(key, f"# {key}\n".encode()): f"# {key}\n".encode() for key in HOSTILE}
    assert len(wanted) == len(HOSTILE)
    assert shelf.take() == wanted
    assert shelf.take() == {}
    for uri in wanted:
        assert shelf.source.covers(uri)
        assert shelf.source.locate(uri).place is Place.WAITING
    for key in HOSTILE:
        shelf.remove(key)
    assert shelf.take() == dict.fromkeys(wanted)


def test_folder_markers_hidden_names_and_what_no_reader_is_for_are_no_documents(shelf: Shelf) -> None:
    for key in (
        "folder/",
        "old$folder$/",
        "hadoop_$folder$",
        "plain",
        "picture.png",
        ".hidden.md",
        ".git/x.md",
        "page.md~",
    ):
        shelf.put(key, b"")
    shelf.put("plain/inner.md")
    shelf.put("empty.md", b"")
    wanted = {"plain/inner.md", "empty.md"}
    assert {change.uri for change in shelf.look()} == {uri_of(shelf.bucket, shelf.prefix + key) for key in wanted}
    everything = shelf.mirror(S3Options(include=("*",)))
    found = {change.uri.removeprefix(uri_of(shelf.bucket, shelf.prefix)) for change in shelf.look(everything)}
    assert found == {"plain/inner.md", "empty.md", "picture.png"}


def test_only_what_the_patterns_choose_is_taken_and_what_they_leave_out_later_is_gone(shelf: Shelf) -> None:
    for key in ("guide/a.md", "guide/b.md", "guide/drafts/c.md", "notes.txt", "LICENSE"):
        shelf.put(key)
    named = shelf.mirror(S3Options(include=("guide/**/*.md", "LICENSE")))
    assert len(shelf.take(named)) == 4
    fewer = shelf.mirror(S3Options(include=("guide/**/*.md",), exclude=("drafts/",)))
    assert {uri.rpartition("/")[2]: data for uri, data in shelf.take(fewer).items()} == {"c.md": None, "LICENSE": None}
    left_out = uri_of(shelf.bucket, f"{shelf.prefix}guide/drafts/c.md")
    assert fewer.locate(left_out).place is Place.IGNORED


def test_other_prefixes_of_the_bucket_are_left_alone(shelf: Shelf) -> None:
    beside = f"{shelf.prefix.rstrip('/')}-old/page.md"
    shelf.client.put_object(Bucket=shelf.bucket, Key=beside, Body=b"# Old\n")
    uri = shelf.put("page.md")
    assert set(shelf.take()) == {uri}
    shelf.client.delete_object(Bucket=shelf.bucket, Key=beside)


def test_the_dataset_is_the_first_folder_below_the_prefix(shelf: Shelf) -> None:
    for key in ("page.md", "pumps/a.md", "Valves/a.md", "two words/a.md"):
        shelf.put(key)
    tags = {change.uri.removeprefix(uri_of(shelf.bucket, shelf.prefix)): change.tag for change in shelf.look()}
    assert tags == {"page.md": "docs", "pumps/a.md": "pumps", "Valves/a.md": "valves", "two%20words/a.md": "docs"}
    shelf.take()
    shelf.remove("pumps/a.md")
    (gone,) = shelf.look()
    assert (gone.tag, gone.deleted) == ("pumps", True)


def test_an_object_says_what_it_is_where_its_name_does_not(shelf: Shelf) -> None:
    shelf.put("README", ContentType="text/x-rst")
    shelf.put("page.md", ContentType="application/pdf")
    shelf.put("other", ContentType="binary/octet-stream")
    types = {
        change.uri.rpartition("/")[2]: change.content_type
        for change in shelf.look(shelf.mirror(S3Options(include=("*",))))
    }
    assert types == {"README": "text/x-rst", "page.md": "text/markdown", "other": "binary/octet-stream"}


@pytest.mark.parametrize("bucket", ["", NO_CONDITIONS])
def test_an_object_that_is_replaced_after_it_was_listed_is_left_to_the_next_look(
    shelf: Shelf, s3_server: Access, bucket: str
) -> None:
    shelf = odd(s3_server, bucket) if bucket else shelf
    uri = shelf.put("page.md", b"# One\n")
    (change,) = shelf.look()
    shelf.put("page.md", b"# Two\n")
    with pytest.raises(ChangedMeanwhileError, match=r"page\.md was replaced or removed before it was read"):
        b"".join(change.open())
    assert shelf.take() == {uri: b"# Two\n"}


def test_an_object_that_is_removed_after_it_was_listed_is_gone_at_the_next_look(shelf: Shelf) -> None:
    shelf.put("page.md", b"# One\n")
    (change,) = shelf.look()
    shelf.remove("page.md")
    with pytest.raises(ChangedMeanwhileError):
        b"".join(change.open())
    assert shelf.take() == {}


def test_a_service_that_compares_other_etags_than_it_lists_is_read_all_the_same(s3_server: Access) -> None:
    shelf = odd(s3_server, OTHER_ETAGS)
    uri = shelf.put("page.md", b"# One\n")
    assert shelf.take() == {uri: b"# One\n"}


def test_a_large_object_is_refused_before_it_is_read_and_the_others_go_on(shelf: Shelf) -> None:
    shelf.put("large.md", b"x" * 101)
    fits = shelf.put("page.md", b"x" * 100)
    small = shelf.mirror(max_bytes=100)
    opened = {change.uri: change for change in shelf.look(small)}
    with pytest.raises(
        DocumentTooLargeError, match=r"large\.md has 101 bytes, more than the limit of 100;.*max_document_bytes"
    ):
        next(iter(opened.pop(uri_of(shelf.bucket, f"{shelf.prefix}large.md")).open()))
    assert {uri: b"".join(change.open()) for uri, change in opened.items()} == {fits: b"x" * 100}


def test_an_archived_object_is_refused_alone_and_taken_when_it_was_copied_out(shelf: Shelf) -> None:
    uri = shelf.put("page.md", StorageClass="DEEP_ARCHIVE")
    (change,) = shelf.look()
    with pytest.raises(DocumentError, match=r"archive class DEEP_ARCHIVE.*options\.exclude"):
        b"".join(change.open())
    shelf.cursor[change.uri] = change.version
    assert shelf.look() == []
    shelf.put("page.md", StorageClass="STANDARD")
    assert shelf.take() == {uri: b"# A page\n"}


def test_a_bucket_that_is_not_there_has_lost_nothing(shelf: Shelf) -> None:
    nowhere = S3Mirror("no-such-bucket", "guides/", shelf.access, name="shelf", tag="docs")
    known = {"s3://no-such-bucket/guides/a.md": "1"}
    for look in (nowhere.poll, lambda cursor: list(nowhere.changes(cursor))):
        with pytest.raises(
            InfrastructureError, match=r"Can't list s3://no-such-bucket/guides/: NoSuchBucket.*correct `where`"
        ):
            look(known)


def test_a_bucket_that_denies_access_has_lost_nothing(s3_server: Access) -> None:
    shelf = odd(s3_server, DENIES)
    shelf.cursor = {"s3://denies/a.md": "1"}
    for look in (shelf.source.poll, lambda cursor: list(shelf.source.changes(cursor))):
        with pytest.raises(
            InfrastructureError, match=r"Can't list s3://denies/: AccessDenied.*Allow s3:ListBucket.*connection"
        ):
            look(shelf.cursor)


def test_a_listing_that_breaks_off_has_lost_nothing(s3_server: Access) -> None:
    shelf = odd(s3_server, BREAKS_OFF)
    for n in range(3):
        shelf.put(f"{n}.md")
    shelf.cursor = {uri_of(BREAKS_OFF, "2.md"): "1"}
    given: list[Change] = []
    with pytest.raises(InfrastructureError, match="AccessDenied"):
        given.extend(shelf.source.changes(shelf.cursor))
    assert given == [], "nothing is said of half a listing"
    with pytest.raises(InfrastructureError):
        shelf.source.poll(shelf.cursor)


def test_where_an_object_stands_is_unknown_at_once_where_nothing_answers(caplog: pytest.LogCaptureFixture) -> None:
    source = S3Mirror("manuals", "g/", AwsAccess("http://127.0.0.1:9", "us-east-1", "a", "b"), name="m", tag="docs")
    began = time.monotonic()
    location = source.locate("s3://manuals/g/pumps/a%20b.md")
    assert time.monotonic() - began < 5
    assert (location.place, location.name, location.tag) == (Place.ABSENT, "pumps/a b.md", "pumps")
    assert "Can't list s3://manuals/g/pumps/a b.md" in caplog.text
