"""The port that snapshots, artifacts, vectors under way and reports stand on: bytes by key, and nothing else.

A key is a path of plain names (`parse/ab/abcd.json`). What has a key is whole: no implementation shows a part of a blob, whenever
its process or machine stops. Each implementation runs the same conformance suite.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

_log = logging.getLogger(__name__)
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")

#: A key, or what gives it once all bytes have been taken: the name of a content-addressed blob is known only then.
KeyOrNaming: TypeAlias = str | Callable[[], str]


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of a key, and a mark of this very writing of them; a touch may change the mark too."""

    data: bytes
    version: str


@dataclass(frozen=True, slots=True)
class BlobStat:
    """What is known of a blob without reading it: its length in bytes, and when it was last written or touched (Unix time, seconds)."""

    key: str
    size: int
    used_at: float
    version: str


class BlobStore(Protocol):
    """Bytes by key. Every method raises `InfrastructureError` where the disk or the service does not do its part."""

    def put(self, key: KeyOrNaming, data: bytes | Iterable[bytes], *, new: bool = False) -> bool:
        """Store bytes, durably and whole before this returns, in place of any that the key has.

        With `new`, a key that exists stays as it is, and the answer is False; of several such writers exactly one wins. An error
        that the iterable raises goes to the caller, and nothing is kept.
        """

    def get(self, key: str) -> Blob | None:
        """Return the bytes, or None where there are none."""

    def stat(self, key: str) -> BlobStat | None:
        """Return what is known of a blob, or None where there is none."""

    def list(self, prefix: str = "") -> Iterator[BlobStat]:
        """Yield the blobs whose keys begin with `prefix`, in no order."""

    def delete(self, key: str, *, version: str | None = None) -> None:
        """Remove a blob; with `version`, only if it is still that one. Nothing happens where there is none."""

    def touch(self, key: str) -> None:
        """Mark a blob as used now, so that retention leaves it; nothing happens where there is none."""

    def point(self, name: str, target: str) -> None:
        """Let `name` stand for the blobs below `target`, unless it stands for a later target (by name) already."""

    def target(self, name: str) -> str | None:
        """Return what `name` stands for."""

    def remove_abandoned(self) -> None:
        """Remove what writers that died left half written more than a day ago."""

    def address(self, key: str = "") -> str:
        """Return where a person finds this key, or the keys below it: a path or a URI."""


def is_key(key: str) -> bool:
    """Whether this is a path of plain names, which can neither leave a store nor hide in it."""
    return _KEY.fullmatch(key) is not None


def checked_key(key: str) -> str:
    """Return the key.

    Raises:
        ValueError: it is none.
    """
    if not is_key(key):
        raise ValueError(
            f"{key!r} can't be the key of a blob: names of letters, digits, '.', '_' and '-', joined by '/'."
        )
    return key


def read_checked(blobs: BlobStore, key: str, sha256: str) -> bytes | None:
    """Return the bytes of a blob whose SHA-256 is known; None where they are not there or not what was written.

    A damaged blob is removed, which the log says, so that it is made again.

    Raises:
        InfrastructureError: the disk or the service is broken.
    """
    blob = blobs.get(key)
    if blob is None:
        return None
    found = hashlib.sha256(blob.data).hexdigest()
    if found == sha256:
        return blob.data
    _log.warning(
        "Removed %s: its content has the SHA-256 %s and not %s; it is made again.", blobs.address(key), found, sha256
    )
    # Another process may have put a sound one in its place meanwhile.
    blobs.delete(key, version=blob.version)
    return None


def remove_unused(blobs: BlobStore, kept: Iterable[str], older_than_seconds: float) -> int:
    """Remove the blobs that are not among `kept` and were not used for this long; return how many.

    Raises:
        InfrastructureError: one can't be removed.
    """
    keep = set(kept)
    removed = 0
    for listed in blobs.list():
        if listed.key in keep or time.time() - listed.used_at <= older_than_seconds:
            continue
        # A listing may be minutes old where it is long.
        current = blobs.stat(listed.key)
        if current is not None and time.time() - current.used_at > older_than_seconds:
            blobs.delete(listed.key, version=current.version)
            removed += 1
    blobs.remove_abandoned()
    return removed
