"""What stages leave for the stages after them: JSON artifacts, and vectors batch by batch.

Both are blobs that name the checksum of their own content and are compared with it when read, so that a rotten one is
computed again and never used. Nothing here knows what an artifact means.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from docgraph.domain.errors import ArtifactDamagedError, InfrastructureError
from docgraph.stores.blobs.base import BlobStore, read_checked, remove_unused

Vector: TypeAlias = npt.NDArray[np.float32]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VECTORS = ".vectors"
_REF = re.compile(
    r"(?P<kind>[A-Za-z0-9_][A-Za-z0-9_.-]*)/(?P<fingerprint>[A-Za-z0-9_][A-Za-z0-9_.-]*)-(?P<sha256>[0-9a-f]{64})"
)


class ArtifactStore:
    """JSON artifacts, named by kind, fingerprint of what they were made from, and checksum."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def put_json(self, kind: str, fingerprint: str, payload: Mapping[str, Any]) -> str:
        """Store an artifact and return its reference; it is whole and durable before this returns.

        Raises:
            InfrastructureError: the disk or the service is full or broken; nothing is visible then.
        """
        text = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        # A lone surrogate (YAML can spell one) is no reason to lose a document; json.loads reads it back.
        data = text.encode("utf-8", "surrogatepass")
        ref = f"{_name(kind)}/{_name(fingerprint)}-{hashlib.sha256(data).hexdigest()}"
        self._blobs.put(_artifact_key(ref), data)
        return ref

    def get_json(self, ref: str) -> dict[str, Any]:
        """Return the artifact that `put_json` gave this reference for.

        Raises:
            ArtifactDamagedError: it is not there, or not what was stored; the stage that makes it has to run again.
            InfrastructureError: the disk or the service is broken.
        """
        data = read_checked(self._blobs, _artifact_key(ref), ref.rpartition("-")[2])
        if data is None:
            raise ArtifactDamagedError(
                f"The artifact {ref} is not in {self._blobs.address()}, or it was damaged and removed. "
                "Its stage computes it again."
            )
        payload: dict[str, Any] = json.loads(data)
        return payload

    def has(self, ref: str) -> bool:
        """Tell whether the artifact is there and sound; retention spares it from now on.

        Raises:
            ArtifactDamagedError: that is not the reference of an artifact.
            InfrastructureError: the disk or the service is broken.
        """
        key = _artifact_key(ref)
        if read_checked(self._blobs, key, ref.rpartition("-")[2]) is None:
            return False
        self._blobs.touch(key)
        return True

    def collect(self, live_refs: Iterable[str], older_than: float) -> int:
        """Remove the artifacts that no live job refers to and that were not used for `older_than` seconds; return how many.

        Raises:
            InfrastructureError: one can't be removed.
        """
        return remove_unused(self._blobs, (_artifact_key(ref) for ref in live_refs if ref), older_than)


class VectorJournal:
    """Vectors of documents under way: each batch is durable before the next is computed.

    One blob a batch: eight bytes of mark, dimensions and number of records (little-endian uint32), then for each record
    the section's UUID (16 bytes) and its vector (little-endian float32). The blob's name is the SHA-256 of all that.
    """

    _MARK = b"DGVECT01"
    _HEADER = struct.Struct("<8sII")

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def put(self, embedding_version: str, document_id: str, vectors: Mapping[str, Vector]) -> None:
        """Store the vectors of a batch by section id; they are durable before this returns.

        Raises:
            InfrastructureError: the vectors are not finite and of one length, or the disk or the service is full or broken.
        """
        if not vectors:
            return
        rows = [np.asarray(vector, dtype="<f4") for vector in vectors.values()]
        shape = rows[0].shape
        if len(shape) != 1 or not all(row.shape == shape and np.isfinite(row).all() for row in rows):
            raise InfrastructureError(
                f"The vectors for document {document_id} are not finite numbers of one length. "
                "Look at the embedder's log and model."
            )
        records = (uuid.UUID(section_id).bytes + row.tobytes() for section_id, row in zip(vectors, rows, strict=True))
        data = self._HEADER.pack(self._MARK, shape[0], len(rows)) + b"".join(records)
        digest = hashlib.sha256(data).hexdigest()
        self._blobs.put(f"{_journal_prefix(embedding_version, document_id)}{digest}{_VECTORS}", data)

    def load(self, embedding_version: str, document_id: str, wanted: Collection[str]) -> dict[str, Vector]:
        """Return those of the wanted vectors that were stored whole, by section id.

        A batch that is cut off or changed is removed, which the log says, and gives nothing.

        Raises:
            InfrastructureError: the disk or the service is broken.
        """
        missing = set(wanted)
        found: dict[str, Vector] = {}
        for key in self._batches(embedding_version, document_id):
            if not missing:
                break
            data = read_checked(self._blobs, key, key.rpartition("/")[2].removesuffix(_VECTORS))
            if data is not None:
                found.update(self._records(data, missing))
                missing -= found.keys()
        return found

    def discard(self, embedding_version: str, document_id: str) -> None:
        """Remove all vectors of a document, once they are where they belong.

        Raises:
            InfrastructureError: one can't be removed.
        """
        for key in self._batches(embedding_version, document_id):
            self._blobs.delete(key)

    def collect(self, older_than: float) -> int:
        """Remove the batches that are older than this many seconds (their jobs never came to an end); return how many.

        Raises:
            InfrastructureError: one can't be removed.
        """
        return remove_unused(self._blobs, (), older_than)

    def _batches(self, embedding_version: str, document_id: str) -> list[str]:
        listed = self._blobs.list(_journal_prefix(embedding_version, document_id))
        return sorted(blob.key for blob in listed if blob.key.endswith(_VECTORS))

    def _records(self, data: bytes, wanted: Collection[str]) -> dict[str, Vector]:
        _, dimensions, count = self._HEADER.unpack_from(data)
        record = np.dtype([("id", "V16"), ("vector", "<f4", (dimensions,))])
        rows = np.frombuffer(data, dtype=record, count=count, offset=self._HEADER.size)
        ids = [str(uuid.UUID(bytes=bytes(row))) for row in rows["id"]]
        return {
            section_id: rows["vector"][position].astype(np.float32)
            for position, section_id in enumerate(ids)
            if section_id in wanted
        }


def _artifact_key(ref: str) -> str:
    match = _REF.fullmatch(ref)
    if match is None:
        raise ArtifactDamagedError(f"{ref!r} is no reference of an artifact. The stage that left it has to run again.")
    return f"{match['kind']}/{match['fingerprint'][:2]}/{ref.partition('/')[2]}.json"


def _journal_prefix(embedding_version: str, document_id: str) -> str:
    return f"{_name(embedding_version)}/{document_id[:2]}/{uuid.UUID(document_id)}/"


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise InfrastructureError(
            f"{text!r} can't be part of a file name or key: letters, digits, dots, hyphens and underscores only."
        )
    return text
