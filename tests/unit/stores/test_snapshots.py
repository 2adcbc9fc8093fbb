"""Snapshots: the bytes as they were, whole or not there, within the limit, in little memory."""

from __future__ import annotations

import hashlib
import os
import resource
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from docgraph.domain.errors import DocumentTooLargeError, InfrastructureError, SnapshotMissingError
from docgraph.stores.blobs.local import LocalBlobs
from docgraph.stores.snapshots import Snapshot, SnapshotStore

DATA = b"# A page\n\nwith text\n"
SHA256 = hashlib.sha256(DATA).hexdigest()


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_bytes_read_back_under_their_hash(tmp_path: Path) -> None:
    store = SnapshotStore(LocalBlobs(tmp_path))
    assert store.put_stream([DATA[:5], b"", DATA[5:]]) == Snapshot(SHA256, len(DATA))
    assert store.exists(SHA256)
    assert store.open(SHA256) == DATA
    assert (tmp_path / SHA256[:2] / SHA256).read_bytes() == DATA
    assert store.size(SHA256) == len(DATA)


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "page.md"
    source.write_bytes(DATA)
    store = SnapshotStore(LocalBlobs(tmp_path / "store"))
    assert store.put_file(source) == Snapshot(SHA256, len(DATA))
    assert source.read_bytes() == DATA


def test_a_file_that_is_not_there_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=r"Can't read .*gone\.md"):
        SnapshotStore(LocalBlobs(tmp_path)).put_file(tmp_path / "gone.md")
    assert files(tmp_path) == []


def test_no_bytes_at_all_are_a_snapshot_too(tmp_path: Path) -> None:
    store = SnapshotStore(LocalBlobs(tmp_path))
    assert store.open(store.put_stream([]).sha256) == b""


def test_exactly_the_limit_is_taken_and_one_byte_more_is_not(tmp_path: Path) -> None:
    store = SnapshotStore(LocalBlobs(tmp_path))
    assert store.put_stream([b"x" * 10], limit=10).size == 10
    kept = files(tmp_path)
    with pytest.raises(DocumentTooLargeError, match="more than 10 bytes"):
        store.put_stream([b"y" * 10, b"y"], limit=10)
    assert files(tmp_path) == kept


def test_a_stream_over_the_limit_is_not_read_to_its_end(tmp_path: Path) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 100

    with pytest.raises(DocumentTooLargeError):
        SnapshotStore(LocalBlobs(tmp_path)).put_stream(endless(), limit=1_000)
    assert len(taken) == 11


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        SnapshotStore(LocalBlobs(tmp_path)).put_stream(broken())
    assert files(tmp_path) == []


def test_a_long_stream_takes_little_memory(tmp_path: Path) -> None:
    store = SnapshotStore(LocalBlobs(tmp_path))
    tracemalloc.start()
    try:
        snapshot = store.put_stream(b"x" * 65_536 for _ in range(1_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert snapshot.size == 65_536_000
    assert peak < 2_000_000


def test_the_same_bytes_twice_are_one_file(tmp_path: Path) -> None:
    store = SnapshotStore(LocalBlobs(tmp_path))
    assert store.put_stream([DATA]) == store.put_stream([DATA])
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("sha256", ["f" * 64, "", "../../etc/passwd", "F" * 64])
def test_bytes_that_are_not_there_are_asked_for(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(SnapshotMissingError):
        SnapshotStore(LocalBlobs(tmp_path)).open(sha256)


def test_damaged_bytes_are_never_returned_and_can_be_uploaded_again(tmp_path: Path) -> None:
    store = SnapshotStore(LocalBlobs(tmp_path))
    store.put_stream([DATA])
    (tmp_path / SHA256[:2] / SHA256).write_bytes(DATA[:-1])
    with pytest.raises(SnapshotMissingError, match="Upload the document again"):
        store.open(SHA256)
    assert not store.exists(SHA256)
    store.put_stream([DATA])
    assert store.open(SHA256) == DATA


def test_a_full_disk_is_said_clearly_and_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(InfrastructureError, match="Can't write"):
            SnapshotStore(LocalBlobs(tmp_path)).put_stream(b"x" * 5_000 for _ in range(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == []


def test_a_folder_that_can_not_be_made_is_said_clearly(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_bytes(b"")
    with pytest.raises(InfrastructureError, match=r"Can't write .*: File exists"):
        SnapshotStore(LocalBlobs(in_the_way / "store")).put_stream([DATA])


def test_retention_spares_what_a_job_needs_and_what_was_asked_for(tmp_path: Path) -> None:
    store = SnapshotStore(LocalBlobs(tmp_path))
    live, asked, old = (store.put_stream([data]).sha256 for data in (b"live", b"asked", b"old"))
    for path in files(tmp_path):
        os.utime(path, (0, 0))
    assert store.exists(asked)
    assert store.collect([live], older_than_seconds=3600) == 1
    assert [store.exists(each) for each in (live, asked, old)] == [True, True, False]
