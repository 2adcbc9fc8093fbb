"""Artifacts and the vector journal: whole or not there, compared when read, harmless under two writers."""

from __future__ import annotations

import os
import resource
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from docgraph.domain.errors import ArtifactDamagedError, InfrastructureError
from docgraph.stores.artifacts import ArtifactStore, VectorJournal
from docgraph.stores.blobs.local import LocalBlobs

FINGERPRINT = "ab" * 32
DOCUMENT = str(uuid.uuid5(uuid.NAMESPACE_URL, "document"))
SECTIONS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(i))) for i in range(20)]


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def only_file(root: Path) -> Path:
    (path,) = files(root)
    return path


def vectors(ids: list[str], dimensions: int = 8) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    return {each: generator.standard_normal(dimensions).astype(np.float32) for each in ids}


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Let the system refuse to write files longer than `size` bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 3)


def test_an_artifact_reads_back_as_it_was_put(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    payload = {"text": "Ünïcode \ud800 ✓", "numbers": [1, 2.5], "nested": {"a": None}}
    ref = store.put_json("parse", FINGERPRINT, payload)
    assert store.get_json(ref) == payload
    assert store.has(ref)


def test_an_artifact_of_another_kind_or_fingerprint_is_not_there(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    ref = store.put_json("parse", FINGERPRINT + "-2", {})
    assert not store.has(ref.replace("-2", ""))
    assert not store.has(ref.replace("parse", "extract"))


@pytest.mark.parametrize("damage", [flip_a_byte, cut_off])
def test_a_damaged_artifact_is_refused_and_made_again(tmp_path: Path, damage: object) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    ref = store.put_json("parse", FINGERPRINT, {"text": "x" * 100})
    damage(only_file(tmp_path))  # type: ignore[operator]
    with pytest.raises(ArtifactDamagedError, match="computes it again"):
        store.get_json(ref)
    assert not store.has(ref)
    assert store.put_json("parse", FINGERPRINT, {"text": "x" * 100}) == ref
    assert store.get_json(ref) == {"text": "x" * 100}


def test_a_damaged_artifact_is_not_said_to_be_there(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    ref = store.put_json("parse", FINGERPRINT, {"text": "x" * 100})
    flip_a_byte(only_file(tmp_path))
    assert not store.has(ref)


def test_two_writers_of_different_content_keep_what_each_refers_to(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    first = store.put_json("parse", FINGERPRINT, {"by": "first"})
    second = store.put_json("parse", FINGERPRINT, {"by": "second"})
    assert store.get_json(first) == {"by": "first"}
    assert store.get_json(second) == {"by": "second"}
    assert store.has(first)
    assert store.has(second)


def test_writers_at_once_leave_one_whole_file_and_no_drafts(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    payload = {"text": "x" * 200_000}
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                ref = store.put_json("parse", FINGERPRINT, payload)
                assert store.has(ref)
                assert store.get_json(ref) == payload
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(files(tmp_path)) == 1


def test_a_full_disk_is_said_clearly_and_leaves_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    with (
        files_limited_to(10_000),
        pytest.raises(InfrastructureError, match=r"Can't write .*: File too large\. Check that disk"),
    ):
        store.put_json("parse", FINGERPRINT, {"text": "x" * 100_000})
    assert files(tmp_path) == []


@pytest.mark.parametrize("ref", ["", "parse", "../../etc/passwd-" + "0" * 64, "parse/../x-" + "0" * 64, "/etc/passwd"])
def test_a_reference_can_not_leave_the_folder(tmp_path: Path, ref: str) -> None:
    with pytest.raises(ArtifactDamagedError, match="no reference"):
        ArtifactStore(LocalBlobs(tmp_path)).get_json(ref)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", ".hidden", "x" * 200])
def test_a_kind_or_fingerprint_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InfrastructureError, match="file name"):
        ArtifactStore(LocalBlobs(tmp_path)).put_json(name, FINGERPRINT, {})
    with pytest.raises(InfrastructureError, match="file name"):
        ArtifactStore(LocalBlobs(tmp_path)).put_json("parse", name, {})


def test_retention_removes_only_what_is_old_and_unreferred(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    live = store.put_json("parse", "1" * 64, {"n": 1})
    used = store.put_json("parse", "2" * 64, {"n": 2})
    old = store.put_json("parse", "3" * 64, {"n": 3})
    long_ago = time.time() - 1_000
    for path in files(tmp_path):
        os.utime(path, (long_ago, long_ago))
    young = store.put_json("parse", "4" * 64, {"n": 4})
    assert store.has(used)
    assert store.collect([live, ""], older_than=500) == 1
    assert [store.has(ref) for ref in (live, used, old, young)] == [True, True, False, True]
    with pytest.raises(ArtifactDamagedError):
        store.get_json(old)


def test_retention_removes_what_a_crash_left_half_written_after_a_day(tmp_path: Path) -> None:
    store = ArtifactStore(LocalBlobs(tmp_path))
    store.put_json("parse", FINGERPRINT, {})
    abandoned = only_file(tmp_path).with_name(".draft-abandoned")
    fresh = abandoned.with_name(".draft-fresh")
    abandoned.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    assert store.collect([], older_than=500) == 0
    assert not abandoned.exists()
    assert fresh.exists()


def test_vectors_read_back_bit_for_bit_from_all_batches(tmp_path: Path) -> None:
    journal = VectorJournal(LocalBlobs(tmp_path))
    all_vectors = vectors(SECTIONS)
    journal.put("v1", DOCUMENT, {each: all_vectors[each] for each in SECTIONS[:12]})
    journal.put("v1", DOCUMENT, {each: all_vectors[each] for each in SECTIONS[12:]})
    loaded = journal.load("v1", DOCUMENT, [*SECTIONS[:15], str(uuid.uuid4())])
    assert loaded.keys() == set(SECTIONS[:15])
    for section_id, vector in loaded.items():
        assert vector.dtype == np.float32
        assert vector.tobytes() == all_vectors[section_id].tobytes()


def test_vectors_of_another_version_or_document_are_not_mixed_in(tmp_path: Path) -> None:
    journal = VectorJournal(LocalBlobs(tmp_path))
    journal.put("v1", DOCUMENT, vectors(SECTIONS))
    assert journal.load("v2", DOCUMENT, SECTIONS) == {}
    assert journal.load("v1", str(uuid.uuid4()), SECTIONS) == {}


@pytest.mark.parametrize("damage", [flip_a_byte, cut_off])
def test_a_damaged_batch_is_removed_said_and_not_returned(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    journal = VectorJournal(LocalBlobs(tmp_path))
    journal.put("v1", DOCUMENT, vectors(SECTIONS[:10]))
    damaged = only_file(tmp_path)
    damage(damaged)  # type: ignore[operator]
    journal.put("v1", DOCUMENT, vectors(SECTIONS[10:]))
    assert journal.load("v1", DOCUMENT, SECTIONS).keys() == set(SECTIONS[10:])
    assert not damaged.exists()
    assert str(damaged) in caplog.text


def test_the_same_batch_twice_is_one_file(tmp_path: Path) -> None:
    journal = VectorJournal(LocalBlobs(tmp_path))
    journal.put("v1", DOCUMENT, vectors(SECTIONS))
    journal.put("v1", DOCUMENT, vectors(SECTIONS))
    assert len(files(tmp_path)) == 1


def test_a_batch_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path: Path) -> None:
    journal = VectorJournal(LocalBlobs(tmp_path))
    with files_limited_to(1_000), pytest.raises(InfrastructureError, match="Can't write"):
        journal.put("v1", DOCUMENT, vectors(SECTIONS, 384))
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "bad", [{SECTIONS[0]: np.array([1.0, np.nan])}, {SECTIONS[0]: np.ones(3), SECTIONS[1]: np.ones(4)}]
)
def test_vectors_that_are_no_vectors_are_refused(tmp_path: Path, bad: dict[str, np.ndarray]) -> None:
    with pytest.raises(InfrastructureError, match="finite numbers of one length"):
        VectorJournal(LocalBlobs(tmp_path)).put("v1", DOCUMENT, bad)
    assert files(tmp_path) == []


def test_discarded_vectors_are_gone_and_others_stay(tmp_path: Path) -> None:
    journal = VectorJournal(LocalBlobs(tmp_path))
    other = str(uuid.uuid4())
    journal.put("v1", DOCUMENT, vectors(SECTIONS))
    journal.put("v1", other, vectors(SECTIONS))
    journal.discard("v1", DOCUMENT)
    journal.discard("v1", DOCUMENT)
    assert journal.load("v1", DOCUMENT, SECTIONS) == {}
    assert journal.load("v1", other, SECTIONS).keys() == set(SECTIONS)


def test_old_batches_of_jobs_that_never_ended_are_collected(tmp_path: Path) -> None:
    journal = VectorJournal(LocalBlobs(tmp_path))
    journal.put("v1", DOCUMENT, vectors(SECTIONS[:5]))
    os.utime(only_file(tmp_path), (0, 0))
    journal.put("v1", DOCUMENT, vectors(SECTIONS[5:]))
    assert journal.collect(older_than=3600) == 1
    assert journal.load("v1", DOCUMENT, SECTIONS).keys() == set(SECTIONS[5:])
