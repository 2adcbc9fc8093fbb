"""The bytes of sources as they were when a job was made: blobs named by the SHA-256 of their content, never changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from docgraph.domain.errors import DocumentTooLargeError, SnapshotMissingError
from docgraph.stores.blobs.base import BlobStore, read_checked, remove_unused
from docgraph.stores.blobs.local import explaining

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Bytes that are stored: their SHA-256 (hex) and their number."""

    sha256: str
    size: int


class SnapshotStore:
    """The snapshots of one deployment."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def put_stream(self, chunks: Iterable[bytes], *, limit: int | None = None) -> Snapshot:
        """Store bytes without ever holding more than one chunk in memory; the same bytes stored twice are one blob.

        Raises:
            DocumentTooLargeError: there are more than `limit` bytes; nothing is kept.
            InfrastructureError: the disk or the service is full or broken; nothing is kept.
        """
        digest = hashlib.sha256()
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                size += len(chunk)
                if limit is not None and size > limit:
                    raise DocumentTooLargeError(
                        f"The document has more than {limit:,} bytes, the limit. Split it, or raise the limit in "
                        "config/ingest.yaml."
                    )
                digest.update(chunk)
                yield chunk

        self._blobs.put(lambda: _key(digest.hexdigest()), counted())
        return Snapshot(digest.hexdigest(), size)

    def put_file(self, path: Path, *, limit: int | None = None) -> Snapshot:
        """Store the content of a file.

        Raises:
            DocumentTooLargeError: it has more than `limit` bytes.
            InfrastructureError: the file can't be read, or the disk or the service is full or broken.
        """
        return self.put_stream(_chunks(path), limit=limit)

    def open(self, sha256: str) -> bytes:
        """Return the bytes, compared with their name.

        Raises:
            SnapshotMissingError: they are not there, or no longer what was stored; uploading them again repairs both.
            InfrastructureError: the disk or the service is broken.
        """
        data = read_checked(self._blobs, _key(sha256), sha256)
        if data is None:
            raise SnapshotMissingError(
                f"The snapshot {sha256} is not in {self._blobs.address()}, or it was damaged and removed. "
                "Upload the document again and resume the job."
            )
        return data

    def exists(self, sha256: str) -> bool:
        """Tell whether there are bytes under this name, without reading them; retention spares them from now on."""
        return self.size(sha256) is not None

    def size(self, sha256: str) -> int | None:
        """Return the number of bytes under this name, None where there are none; retention spares them from now on.

        Raises:
            SnapshotMissingError: that is no SHA-256 in hexadecimal.
        """
        found = self._blobs.stat(_key(sha256))
        if found is None:
            return None
        self._blobs.touch(found.key)
        return found.size

    def collect(self, live: Iterable[str], older_than_seconds: float) -> int:
        """Remove the snapshots that are not among `live` and were not used for this long; return how many."""
        return remove_unused(self._blobs, (_key(sha256) for sha256 in live), older_than_seconds)


def _key(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise SnapshotMissingError(f"{sha256!r} names no snapshot: a name has 64 lower-case hexadecimal digits.")
    return f"{sha256[:2]}/{sha256}"


def _chunks(path: Path) -> Iterator[bytes]:
    with explaining("read", path), path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
