"""Blobs in S3, over HTTP: the conformance suite, what stands on it, and errors that say what to do."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from docgraph.domain.errors import ConfigurationError, DocumentTooLargeError, InfrastructureError, StoreUnavailableError
from docgraph.readiness.report import find_report, list_reports, read_report, remove_reports, write_report
from docgraph.runtime.connections import Runtime
from docgraph.settings import AwsAccess, Settings, project_root
from docgraph.stores.blobs.s3 import S3Blobs
from support.contract.s3_server import s3_client
from support.unit.blob_conformance import BlobStoreConformance

Place = tuple[str, AwsAccess]
SAMPLE = project_root() / "docs" / "reference" / "sample_ingest_report.json"


class TestS3(BlobStoreConformance):
    #: S3 gives times in whole seconds.
    time_step = 1.0

    @pytest.fixture
    def blobs(self, s3_place: Place) -> Iterator[S3Blobs]:
        store = S3Blobs(*s3_place)
        yield store
        for blob in store.list():
            store.delete(blob.key)


@pytest.fixture
def runtime(s3_place: Place, tmp_path: Path) -> Runtime:
    """A runtime for which nothing but the one setting was changed."""
    url, access = s3_place
    settings = Settings.load({"DOCGRAPH_BLOBS_URL": url}, home=tmp_path / "home")
    return Runtime(replace(settings, aws=access))


def test_one_setting_puts_snapshots_artifacts_vectors_and_reports_into_s3(runtime: Runtime, tmp_path: Path) -> None:
    snapshot = runtime.snapshots.put_stream([b"# Gui", b"de\n"])
    assert runtime.snapshots.open(snapshot.sha256) == b"# Guide\n"
    ref = runtime.artifacts.put_json("parse", "5c" * 32, {"sections": []})
    assert runtime.artifacts.has(ref)
    assert runtime.artifacts.get_json(ref) == {"sections": []}
    document, section = str(uuid.uuid4()), str(uuid.uuid4())
    vector = np.array([0.6, 0.8], dtype=np.float32)
    runtime.journal.put("v1", document, {section: vector})
    assert runtime.journal.load("v1", document, [section])[section].tobytes() == vector.tobytes()
    runtime.journal.discard("v1", document)
    assert runtime.journal.load("v1", document, [section]) == {}
    report = json.loads(SAMPLE.read_text(encoding="utf-8"))
    first, second = write_report(runtime.reports, report), write_report(runtime.reports, report)
    assert find_report(runtime.reports, tag=report["tag"]) == second
    assert [each["report_id"] for each in list_reports(runtime.reports)] == [second, first]
    assert read_report(runtime.reports, first)["summary"] == report["summary"]
    assert remove_reports(runtime.reports, 0) == 1
    assert [each["report_id"] for each in list_reports(runtime.reports)] == [second]
    assert not (tmp_path / "home").exists(), "nothing was written to this machine"


def test_another_process_sees_at_once_what_one_has_put(s3_place: Place) -> None:
    one, other = S3Blobs(*s3_place), S3Blobs(*s3_place)
    assert list(other.list()) == []
    one.put("parse/ab/1", b"x")
    assert [blob.key for blob in other.list("parse/")] == ["parse/ab/1"]
    one.put("parse/ab/2", b"x")
    assert sorted(blob.key for blob in other.list("parse/")) == ["parse/ab/1", "parse/ab/2"]


def test_a_stream_over_the_limit_leaves_nothing(runtime: Runtime) -> None:
    with pytest.raises(DocumentTooLargeError):
        runtime.snapshots.put_stream((b"x" * 1_000 for _ in range(100)), limit=10_000)
    assert runtime.snapshots.size(hashlib.sha256(b"x" * 10_000).hexdigest()) is None
    assert runtime.snapshots.collect((), 0) == 0


def test_what_others_put_below_the_prefix_is_left_alone(s3_place: Place) -> None:
    url, access = s3_place
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    client = s3_client(access)
    for name in ("a folder/", "spaces in it"):
        client.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=b"")
    blobs = S3Blobs(url, access)
    blobs.put("ours", b"x")
    assert [blob.key for blob in blobs.list()] == ["ours"]


def test_a_bucket_that_is_not_there_is_named_with_what_to_do(s3_server: Place) -> None:
    _, access = s3_server
    with pytest.raises(
        InfrastructureError, match=r"Can't write s3://no-such-bucket/p/key: NoSuchBucket.*DOCGRAPH_BLOBS_URL"
    ):
        S3Blobs("s3://no-such-bucket/p", access).put("key", b"x")


def test_a_service_that_does_not_answer_is_unavailable() -> None:
    access = AwsAccess("http://127.0.0.1:9", "us-east-1", "a", "b")
    with pytest.raises(StoreUnavailableError, match="Check the endpoint"):
        S3Blobs("s3://bucket", access).get("key")


@pytest.mark.parametrize(
    "url", ["bucket/prefix", "http://bucket/x", "s3://", "s3://b/../x", "s3://b/x?y", "s3://b/x y"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DOCGRAPH_BLOBS_URL"):
        S3Blobs(url, AwsAccess())
