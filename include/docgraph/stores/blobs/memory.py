"""Blobs in the memory of one process, for unit tests of what stands on them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from docgraph.stores.blobs.base import Blob, BlobStat, KeyOrNaming, checked_key


@dataclass(frozen=True, slots=True)
class _Kept:
    data: bytes
    version: str
    used_at: float


class MemoryBlobs:
    """A `BlobStore` that ends with its process."""

    def __init__(self) -> None:
        self._blobs: dict[str, _Kept] = {}
        self._targets: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def put(self, key: KeyOrNaming, data: bytes | Iterable[bytes], *, new: bool = False) -> bool:
        """See `BlobStore`."""
        whole = data if isinstance(data, bytes) else b"".join(data)
        name = checked_key(key if isinstance(key, str) else key())
        with self._lock:
            if new and name in self._blobs:
                return False
            self._blobs[name] = _Kept(whole, str(next(self._numbers)), time.time())
        return True

    def get(self, key: str) -> Blob | None:
        """See `BlobStore`."""
        kept = self._blobs.get(checked_key(key))
        return None if kept is None else Blob(kept.data, kept.version)

    def stat(self, key: str) -> BlobStat | None:
        """See `BlobStore`."""
        kept = self._blobs.get(checked_key(key))
        return None if kept is None else BlobStat(key, len(kept.data), kept.used_at, kept.version)

    def list(self, prefix: str = "") -> Iterator[BlobStat]:
        """See `BlobStore`."""
        for key in sorted(self._blobs):
            if key.startswith(prefix) and (found := self.stat(key)) is not None:
                yield found

    def delete(self, key: str, *, version: str | None = None) -> None:
        """See `BlobStore`."""
        with self._lock:
            kept = self._blobs.get(checked_key(key))
            if kept is not None and version in {None, kept.version}:
                del self._blobs[key]

    def touch(self, key: str) -> None:
        """See `BlobStore`."""
        with self._lock:
            if (kept := self._blobs.get(checked_key(key))) is not None:
                self._blobs[key] = replace(kept, used_at=time.time())

    def point(self, name: str, target: str) -> None:
        """See `BlobStore`."""
        with self._lock:
            self._targets[checked_key(name)] = max(checked_key(target), self._targets.get(name, ""))

    def target(self, name: str) -> str | None:
        """See `BlobStore`."""
        return self._targets.get(checked_key(name))

    def remove_abandoned(self) -> None:
        """See `BlobStore`: nothing is ever half written here."""

    def address(self, key: str = "") -> str:
        """See `BlobStore`."""
        return f"memory:{key}"
