"""What every implementation of `BlobStore` keeps: a test module gives a fixture `blobs` and imports these tests."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator

import pytest

from docgraph.stores.blobs.base import BlobStore, read_checked, remove_unused

DATA = b"\x00some bytes\xff"


def keys(blobs: BlobStore, prefix: str = "") -> set[str]:
    return {blob.key for blob in blobs.list(prefix)}


class BlobStoreConformance:
    #: Seconds by which the store tells times apart.
    time_step = 0.2

    def test_bytes_read_back_as_they_were_put(self, blobs: BlobStore) -> None:
        assert blobs.put("parse/ab/abcd.json", DATA)
        assert blobs.put("parse/ab/empty", b"")
        found = blobs.get("parse/ab/abcd.json")
        assert found is not None
        assert found.data == DATA
        empty = blobs.get("parse/ab/empty")
        assert empty is not None
        assert empty.data == b""

    def test_what_is_not_there_is_none_and_no_error(self, blobs: BlobStore) -> None:
        blobs.put("there/is", DATA)
        for key in ("nothing", "there", "there/is/not", "there/nothing"):
            assert blobs.get(key) is None
            assert blobs.stat(key) is None
            blobs.delete(key)
            blobs.touch(key)
        assert keys(blobs) == {"there/is"}
        assert keys(blobs, "nothing/") == set()

    def test_a_stream_is_named_once_it_was_taken(self, blobs: BlobStore) -> None:
        digest = hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            for number in range(300):
                chunk = bytes([number % 256]) * 50_000
                digest.update(chunk)
                yield chunk

        assert blobs.put(lambda: f"by-content/{digest.hexdigest()}", chunks())
        (listed,) = blobs.list("by-content/")
        assert listed.size == 300 * 50_000
        found = blobs.get(listed.key)
        assert found is not None
        assert hashlib.sha256(found.data).hexdigest() == listed.key.rpartition("/")[2] == digest.hexdigest()

    def test_a_stream_that_breaks_leaves_nothing(self, blobs: BlobStore) -> None:
        def broken() -> Iterator[bytes]:
            yield DATA * 1_000
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            blobs.put("broken", broken())
        assert keys(blobs) == set()

    def test_a_key_is_replaced_whole(self, blobs: BlobStore) -> None:
        blobs.put("key", DATA * 10)
        before = blobs.get("key")
        assert blobs.put("key", b"short")
        after = blobs.get("key")
        assert before is not None
        assert after is not None
        assert after.data == b"short"
        assert after.version != before.version

    def test_a_new_key_is_taken_by_exactly_one_writer(self, blobs: BlobStore) -> None:
        writers = 6
        start = threading.Barrier(writers)
        won: list[int] = []

        def write(number: int) -> None:
            start.wait()
            if blobs.put("claimed/by", str(number).encode(), new=True):
                won.append(number)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = won
        found = blobs.get("claimed/by")
        assert found is not None
        assert found.data == str(winner).encode()
        assert not blobs.put("claimed/by", b"late", new=True)

    def test_a_reader_sees_one_writing_or_another_and_never_a_part(self, blobs: BlobStore) -> None:
        contents = {bytes([65 + number]) * 200_000 for number in range(4)}
        blobs.put("contended", next(iter(contents)))
        ended = threading.Event()
        torn: list[int] = []

        def read() -> None:
            while not ended.is_set():
                found = blobs.get("contended")
                if found is None or found.data not in contents:
                    torn.append(0 if found is None else len(found.data))

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for content in list(contents) * 5:
            blobs.put("contended", content)
        ended.set()
        for reader in readers:
            reader.join()
        assert torn == []

    def test_a_stat_says_what_is_there_without_reading_it(self, blobs: BlobStore) -> None:
        before = time.time()
        blobs.put("key", DATA)
        found = blobs.stat("key")
        assert found is not None
        assert (found.key, found.size) == ("key", len(DATA))
        assert before - 2 < found.used_at < time.time() + 2
        assert list(blobs.list()) == [found]

    def test_a_listing_knows_prefixes_that_end_anywhere(self, blobs: BlobStore) -> None:
        for key in ("a/b/1", "a/b/2", "a/bc/3", "ab/4", "b"):
            blobs.put(key, DATA)
        assert keys(blobs) == {"a/b/1", "a/b/2", "a/bc/3", "ab/4", "b"}
        assert keys(blobs, "a/b/") == {"a/b/1", "a/b/2"}
        assert keys(blobs, "a/b") == {"a/b/1", "a/b/2", "a/bc/3"}
        assert keys(blobs, "a") == {"a/b/1", "a/b/2", "a/bc/3", "ab/4"}

    def test_a_listing_is_whole_however_long(self, blobs: BlobStore) -> None:
        wanted = {f"many/{number:04}" for number in range(1_005)}
        for key in wanted:
            blobs.put(key, b"x")
        assert keys(blobs, "many/") == wanted

    def test_what_was_deleted_is_gone_and_its_neighbours_stay(self, blobs: BlobStore) -> None:
        for key in ("a/1", "a/2", "a/b/3"):
            blobs.put(key, DATA)
        blobs.delete("a/1")
        blobs.delete("a/b/3")
        assert keys(blobs) == {"a/2"}
        assert blobs.get("a/1") is None
        blobs.put("a/b/3", DATA)
        assert keys(blobs) == {"a/2", "a/b/3"}

    def test_a_deletion_of_an_older_version_spares_the_newer(self, blobs: BlobStore) -> None:
        blobs.put("key", b"damaged")
        damaged = blobs.get("key")
        assert damaged is not None
        blobs.put("key", DATA)
        blobs.delete("key", version=damaged.version)
        current = blobs.get("key")
        assert current is not None
        assert current.data == DATA
        blobs.delete("key", version=current.version)
        assert blobs.get("key") is None

    def test_a_touched_blob_was_used_later_and_reads_as_before(self, blobs: BlobStore) -> None:
        blobs.put("key", DATA)
        before = blobs.stat("key")
        time.sleep(1.1)
        blobs.touch("key")
        after = blobs.stat("key")
        found = blobs.get("key")
        assert before is not None
        assert after is not None
        assert found is not None
        assert after.used_at > before.used_at
        assert found.data == DATA

    @pytest.mark.parametrize(
        "key", ["", "/", "a/", "/a", "a//b", "..", "a/../b", ".hidden", "a/.b", "a b", "a\\b", "ü"]
    )
    def test_a_key_that_could_leave_or_hide_is_refused(self, blobs: BlobStore, key: str) -> None:
        with pytest.raises(ValueError, match="key of a blob"):
            blobs.put(key, DATA)
        with pytest.raises(ValueError, match="key of a blob"):
            blobs.get(key)
        assert keys(blobs) == set()

    def test_a_name_stands_for_the_latest_target_whoever_was_last(self, blobs: BlobStore) -> None:
        assert blobs.target("latest") is None
        blobs.put("2026-1/report", DATA)
        blobs.point("latest", "2026-1")
        assert blobs.target("latest") == "2026-1"
        blobs.point("latest", "2026-3")
        blobs.point("latest", "2026-2")
        assert blobs.target("latest") == "2026-3"
        assert blobs.target("latest-docs") is None
        assert keys(blobs, "2026") == {"2026-1/report"}

    def test_of_writers_at_once_the_latest_target_stays(self, blobs: BlobStore) -> None:
        threads = [threading.Thread(target=blobs.point, args=("latest", f"2026-{n:02}")) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert blobs.target("latest") == "2026-07"

    def test_damaged_bytes_are_removed_and_not_returned(
        self, blobs: BlobStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        blobs.put("key", DATA[:-1])
        assert read_checked(blobs, "key", hashlib.sha256(DATA).hexdigest()) is None
        assert blobs.address("key") in caplog.text
        assert blobs.stat("key") is None
        blobs.put("key", DATA)
        assert read_checked(blobs, "key", hashlib.sha256(DATA).hexdigest()) == DATA

    def test_retention_removes_what_was_not_used_and_is_not_kept(self, blobs: BlobStore) -> None:
        for key in ("kept", "used", "old/1", "old/2"):
            blobs.put(key, DATA)
        assert remove_unused(blobs, (), 3_600) == 0
        # A time that is cut to whole seconds makes what was just used look a second old, and a little more when it is asked.
        time.sleep(3.1 * self.time_step)
        blobs.touch("used")
        assert remove_unused(blobs, ["kept"], 2.0 * self.time_step) == 2
        assert keys(blobs) == {"kept", "used"}

    def test_a_person_is_told_where_a_key_is(self, blobs: BlobStore) -> None:
        assert blobs.address("a/b").endswith("a/b")
        assert blobs.address() in blobs.address("a/b")
