"""The bytes of sources as they were when a job was made: files named by the SHA-256 of their content, never changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from docgraph.domain.errors import DocumentTooLargeError, SnapshotMissingError
from docgraph.stores.files import Draft, explaining, read_file, remove_unused, touch

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Bytes that are stored: their SHA-256 (hex) and their number."""

    sha256: str
    size: int


class SnapshotWriter:
    """Takes bytes as they arrive, for callers that can't hand over an iterator; leaving the block unfinished removes them."""

    def __init__(self, store: SnapshotStore, limit: int | None) -> None:
        self._store = store
        self._limit = limit
        self._digest = hashlib.sha256()
        self._size = 0
        self._draft = Draft(store.root)

    def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            DocumentTooLargeError: there are more than the limit allows.
            WorldError: the disk is full or broken.
        """
        self._size += len(chunk)
        if self._limit is not None and self._size > self._limit:
            raise DocumentTooLargeError(
                f"The document has more than {self._limit:,} bytes, the limit. Split it, or raise the limit in "
                "config/ingest.yaml."
            )
        self._digest.update(chunk)
        self._draft.write(chunk)

    def finish(self) -> Snapshot:
        """Make the snapshot visible; the same bytes stored twice are one file.

        Raises:
            WorldError: the disk is full or broken.
        """
        sha256 = self._digest.hexdigest()
        self._draft.publish(self._store.path(sha256))
        return Snapshot(sha256, self._size)

    def __enter__(self) -> SnapshotWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draft.__exit__(kind, error, trace)


class SnapshotStore:
    """A folder of snapshots."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def writer(self, *, limit: int | None = None) -> SnapshotWriter:
        """Return a writer for bytes that arrive piece by piece; `limit` is the most bytes to take."""
        return SnapshotWriter(self, limit)

    def put_stream(self, chunks: Iterable[bytes], *, limit: int | None = None) -> Snapshot:
        """Store bytes without ever holding more than one chunk in memory.

        Raises:
            DocumentTooLargeError: there are more than `limit` bytes; nothing is kept.
            WorldError: the disk is full or broken; nothing is kept.
        """
        with self.writer(limit=limit) as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.finish()

    def put_file(self, path: Path, *, limit: int | None = None) -> Snapshot:
        """Store the content of a file.

        Raises:
            DocumentTooLargeError: it has more than `limit` bytes.
            WorldError: the file can't be read, or the disk is full or broken.
        """
        return self.put_stream(_chunks(path), limit=limit)

    def open(self, sha256: str) -> bytes:
        """Return the bytes, compared with their name.

        Raises:
            SnapshotMissingError: they are not there, or no longer what was stored; uploading them again mends both.
            WorldError: the disk is broken.
        """
        data = read_file(self.path(sha256), sha256)
        if data is None:
            raise SnapshotMissingError(
                f"The snapshot {sha256} is not in {self.root}, or it was damaged and removed. "
                "Upload the document again and resume the job."
            )
        return data

    def exists(self, sha256: str) -> bool:
        """Tell whether there are bytes under this name, without reading them; retention spares them from now on."""
        path = self.path(sha256)
        if not path.is_file():
            return False
        touch(path)
        return True

    def path(self, sha256: str) -> Path:
        """Return where the bytes are or would be.

        Raises:
            SnapshotMissingError: that is no SHA-256 in hexadecimal.
        """
        if not _SHA256.fullmatch(sha256):
            raise SnapshotMissingError(f"{sha256!r} names no snapshot: a name has 64 lower-case hexadecimal digits.")
        return self.root / sha256[:2] / sha256

    def collect(self, live: Iterable[str], older_than_seconds: float) -> int:
        """Remove the snapshots that are not among `live` and were not used for this long; return how many."""
        return remove_unused(self.root, (self.path(sha256) for sha256 in live), older_than_seconds)


def _chunks(path: Path) -> Iterator[bytes]:
    with explaining("read", path), path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
