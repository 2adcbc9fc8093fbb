"""The blob stores that need no service: both keep the conformance suite, and the local one what only folders have."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from docgraph.domain.errors import InfrastructureError
from docgraph.stores.blobs.base import BlobStore
from docgraph.stores.blobs.local import LocalBlobs, write_file
from docgraph.stores.blobs.memory import MemoryBlobs
from support.unit.blob_conformance import BlobStoreConformance

DAY = 86_400


class TestLocal(BlobStoreConformance):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> BlobStore:
        return LocalBlobs(tmp_path / "made" / "with the first blob")


class TestMemory(BlobStoreConformance):
    @pytest.fixture
    def blobs(self) -> BlobStore:
        return MemoryBlobs()


def test_a_folder_whose_last_blob_went_goes_too(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    blobs.put("version/ab/document/1", b"x")
    blobs.put("version/cd/2", b"x")
    blobs.delete("version/ab/document/1")
    assert [path.name for path in (tmp_path / "version").iterdir()] == ["cd"]


def test_a_blob_is_put_into_a_folder_that_is_removed_all_the_time(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    ended = threading.Event()

    def keep_removing() -> None:
        while not ended.is_set():
            blobs.put("a/b/other", b"x")
            blobs.delete("a/b/other")

    remover = threading.Thread(target=keep_removing)
    remover.start()
    try:
        for number in range(150):
            blobs.put("a/b/mine", str(number).encode())
            found = blobs.get("a/b/mine")
            assert found is not None
            assert found.data == str(number).encode()
            blobs.delete("a/b/mine")
    finally:
        ended.set()
        remover.join()


def test_a_file_under_way_is_nobodys_blob_and_goes_after_a_day(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    blobs.put("report/ingest_report.md", b"x")
    # The second kind is what version 0.1.0 left beside the files of a report.
    abandoned = [tmp_path / ".draft-0123", tmp_path / "report" / ".ingest_report.json.0123456789ab"]
    fresh = tmp_path / "report" / ".draft-4567"
    other = tmp_path / ".gitkeep"
    for path in (*abandoned, fresh, other):
        path.write_bytes(b"half")
    for path in (*abandoned, other):
        os.utime(path, (0, 0))
    assert [blob.key for blob in blobs.list()] == ["report/ingest_report.md"]
    blobs.remove_abandoned()
    assert not any(path.exists() for path in abandoned)
    assert fresh.exists()
    assert other.exists()


def test_a_link_out_of_the_folder_is_no_blob(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    blobs = LocalBlobs(tmp_path / "root")
    blobs.put("blob", b"x")
    (tmp_path / "root" / "link").symlink_to(outside)
    (tmp_path / "root" / "file").symlink_to(outside / "secret")
    assert [blob.key for blob in blobs.list()] == ["blob"]
    assert blobs.stat("file") is None


def test_a_private_file_is_private_from_the_first_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "run" / "secrets.json"
    write_file(path, b"one", mode=0o600)
    write_file(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["secrets.json"]


def test_a_folder_in_the_way_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    blobs = LocalBlobs(tmp_path)
    assert blobs.get("key") is None
    with pytest.raises(InfrastructureError, match=r"Can't write .*key"):
        blobs.put("key", b"x")
    with pytest.raises(InfrastructureError, match=r"Can't write .*key"):
        blobs.put("key", b"x", new=True)
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
