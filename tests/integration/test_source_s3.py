"""A bucket, from its listing to the jobs, on the real stores: exactly what has changed, once, whatever happens on the way."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import InfrastructureError
from docgraph.domain.jobs import JobStatus
from docgraph.ingest.taking import take
from docgraph.runtime.config import GuardConfig
from docgraph.runtime.connections import Runtime
from docgraph.settings import AwsAccess
from docgraph.sources.base import Change, Cursor
from docgraph.sources.s3 import S3Mirror, S3Options, uri_of
from support.contract.moto_server import DENIES
from support.contract.s3_server import s3_client, s3_place, s3_server
from support.integration.work import work_off

__all__ = ["s3_place", "s3_server"]


@dataclass
class Shelf:
    """A place in a bucket, followed into a dataset of its own."""

    runtime: Runtime
    tag: str
    access: AwsAccess
    bucket: str
    prefix: str

    def __post_init__(self) -> None:
        self.client = s3_client(self.access)
        self.source = S3Mirror(
            self.bucket, self.prefix, self.access,
            name=self.tag, tag=self.tag, max_bytes=10_000, options=S3Options(folders_are_tags=False),
        )  # fmt: skip

    def put(self, name: str, data: bytes) -> str:
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=data)
        return uri_of(self.bucket, self.prefix + name)

    def remove(self, name: str) -> str:
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + name)
        return uri_of(self.bucket, self.prefix + name)

    def follow(self, source: S3Mirror | None = None) -> Counter[str]:
        """Take what has changed and bring it through the stages; returns how many jobs had which outcome."""
        jobs = take(self.runtime, source or self.source).jobs.get(self.tag, [])
        if jobs:
            work_off(self.runtime, self.tag, jobs)
        return Counter(state.outcome or state.error_code for state in self.runtime.state.jobs.get_many(jobs))


@pytest.fixture
def shelf(runtime: Runtime, version: EmbeddingVersion, tag: str, s3_place: tuple[str, AwsAccess]) -> Iterator[Shelf]:
    del version
    url, access = s3_place
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    made = Shelf(runtime, tag, access, bucket, f"{prefix}/")
    yield made
    runtime.state.cursors.forget(tag)
    for entry in made.client.list_objects_v2(Bucket=bucket, Prefix=made.prefix).get("Contents", ()):
        made.client.delete_object(Bucket=bucket, Key=entry["Key"])


@pytest.mark.task("6.1")
@pytest.mark.task("6.2")
def test_a_bucket_is_followed_exactly(shelf: Shelf) -> None:
    for number in range(20):
        shelf.put(f"page {number:02}.md", b"# Page %d\n\nThe text of page %d.\n" % (number, number))
    assert shelf.follow() == {"created": 20}
    assert shelf.follow() == {}, "the same look twice gives nothing new"
    for number in range(5):
        shelf.put(f"page {number:02}.md", b"# Page %d\n\nAnother text.\n" % number)
    for number in range(17, 20):
        shelf.remove(f"page {number:02}.md")
    assert shelf.follow() == {"updated": 5, "deleted": 3}
    assert shelf.follow() == {}
    jobs = shelf.runtime.state.jobs.find(tag=shelf.tag, limit=100)
    assert len(jobs) == 28
    assert shelf.runtime.graph.counts(shelf.tag)["documents"] == 17


@pytest.mark.task("6.2")
def test_what_was_put_again_unchanged_makes_no_job(shelf: Shelf) -> None:
    body = b"# Page\n\nThe text of a page.\n"
    uri = shelf.put("page.md", body)
    assert shelf.follow() == {"created": 1}
    before = shelf.runtime.state.cursors.get(shelf.tag)[uri]
    upload = {"Bucket": shelf.bucket, "Key": f"{shelf.prefix}page.md"}
    begun: dict[str, Any] = shelf.client.create_multipart_upload(**upload)
    part = shelf.client.upload_part(**upload, UploadId=begun["UploadId"], PartNumber=1, Body=body)
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    shelf.client.complete_multipart_upload(**upload, UploadId=begun["UploadId"], MultipartUpload=parts)
    assert shelf.source.poll({uri: before.version}) is not None, "an upload in parts has another ETag"
    assert shelf.follow() == {}
    after = shelf.runtime.state.cursors.get(shelf.tag)[uri]
    assert (after.sha256, after.version != before.version) == (before.sha256, True)


@pytest.mark.task("6.2")
def test_what_can_not_become_a_document_fails_alone_and_once(shelf: Shelf) -> None:
    large = shelf.put("large.md", b"x" * 10_001)
    shelf.put("page.md", b"# Page\n\nThe text of a page.\n")
    take(shelf.runtime, shelf.source)
    states = {state.job.source_uri: state for state in shelf.runtime.state.jobs.find(tag=shelf.tag)}
    failed = states.pop(large)
    assert (failed.status, failed.error_code, failed.job.checksum) == (JobStatus.FAILED, "too_large", "")
    assert "limits.max_document_bytes" in failed.error
    assert len(states) == 1
    assert take(shelf.runtime, shelf.source).jobs == {}, "it is not tried again until it changes"
    shelf.put("large.md", b"# Smaller\n\nThe text of a page.\n")
    assert shelf.follow() == {"created": 1}


class Changing(S3Mirror):
    """A source whose bucket is written to between the listing and the reading."""

    shelf: Shelf

    def changes(self, cursor: Cursor, seen: Collection[str] = ()) -> Iterator[Change]:
        listed = list(super().changes(cursor, seen))
        self.shelf.put("replaced.md", b"# Second\n\nThe second text.\n")
        self.shelf.remove("removed.md")
        yield from listed


@pytest.mark.task("6.2")
def test_what_changes_while_it_is_taken_is_left_to_the_next_look(shelf: Shelf) -> None:
    for name in ("kept.md", "replaced.md", "removed.md"):
        shelf.put(name, b"# First\n\nThe first text.\n")
    changing = Changing(
        shelf.bucket,
        shelf.prefix,
        shelf.access,
        name=shelf.tag,
        tag=shelf.tag,
        options=S3Options(folders_are_tags=False),
    )
    changing.shelf = shelf
    assert shelf.follow(changing) == {"created": 1}
    assert shelf.follow() == {"created": 1}
    assert {state.status for state in shelf.runtime.state.jobs.find(tag=shelf.tag)} == {JobStatus.COMPLETED}
    assert set(shelf.runtime.state.cursors.get(shelf.tag)) == {
        uri_of(shelf.bucket, f"{shelf.prefix}{name}") for name in ("kept.md", "replaced.md")
    }


@pytest.mark.task("6.2")
@pytest.mark.skipif("DOCGRAPH_TEST_S3_URL" in os.environ, reason="a real service has no bucket that misbehaves")
def test_a_bucket_that_denies_access_deletes_nothing(shelf: Shelf) -> None:
    shelf.put("page.md", b"# Page\n\nThe text of a page.\n")
    assert shelf.follow() == {"created": 1}
    denied = S3Mirror(DENIES, shelf.prefix, shelf.access, name=shelf.tag, tag=shelf.tag)
    with pytest.raises(InfrastructureError, match="AccessDenied"):
        take(shelf.runtime, denied, guard=GuardConfig(share=1, documents=1000))
    assert len(shelf.runtime.state.cursors.get(shelf.tag)) == 1
    assert len(shelf.runtime.state.jobs.find(tag=shelf.tag)) == 1
