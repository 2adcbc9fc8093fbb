"""Blobs as objects of an S3 bucket, below a prefix.

One PUT of the whole object each, which S3 shows as a whole or not at all; so there are no uploads in parts to abandon. What needs a
decision between writers (`new`, `version`, `point`) is S3's own conditional request. Listings come from the service each time and
are never kept.
"""

from __future__ import annotations

import contextlib
import mimetypes
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from docgraph.domain.errors import ConfigurationError, InfrastructureError
from docgraph.settings import AwsAccess
from docgraph.stores.blobs.base import Blob, BlobStat, KeyOrNaming, checked_key, is_key
from docgraph.stores.blobs.local import explaining
from docgraph.stores.blobs.s3_client import ABSENT, LOST, connect, error_code
from docgraph.stores.blobs.s3_client import explaining as explaining_s3

#: Bytes of a stream that are held in memory before they go to a temporary file: their key is known only at their end.
_SPOOLED_BYTES = 8 * 2**20
#: Pointers lie below this name, which no key can have.
_POINTERS = ".names/"
#: How often a decision between writers is tried again when S3 says that two met.
_TRIES = 20
_MET = {"409", "ConditionalRequestConflict"}
_HINTS = {
    "NoSuchBucket": "Make the bucket, or correct the name in DOCGRAPH_BLOBS_URL.",
    "AccessDenied": "Allow s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject below the prefix.",
}


class S3Blobs:
    """A `BlobStore` of the objects below a prefix of a bucket, which exists already."""

    def __init__(self, url: str, access: AwsAccess) -> None:
        """Name the place, `s3://bucket/prefix`; nothing is asked yet.

        Raises:
            ConfigurationError: that is no such address, or the access can't be used.
        """
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or (prefix and not is_key(prefix)):
            raise ConfigurationError(
                f"DOCGRAPH_BLOBS_URL={url!r} is no place for blobs; give s3://bucket or s3://bucket/prefix, of letters, "
                "digits, '.', '_' and '-'."
            )
        self._bucket = parts.netloc
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = connect(access)

    def put(self, key: KeyOrNaming, data: bytes | Iterable[bytes], *, new: bool = False) -> bool:
        """See `BlobStore`."""
        if isinstance(data, bytes):
            return self._put(key if isinstance(key, str) else key(), data, new)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOLED_BYTES) as spooled:
            for chunk in data:
                with explaining("write", Path(tempfile.gettempdir())):
                    spooled.write(chunk)
            return self._put(key if isinstance(key, str) else key(), spooled, new)

    def get(self, key: str) -> Blob | None:
        """See `BlobStore`."""
        return self._get(checked_key(key))

    def stat(self, key: str) -> BlobStat | None:
        """See `BlobStore`."""
        with self._explaining("look at", checked_key(key)):
            try:
                found = self._client.head_object(**self._object(key))
            except ClientError as error:
                if error_code(error) in ABSENT:
                    return None
                raise
        return BlobStat(key, found["ContentLength"], found["LastModified"].timestamp(), found["ETag"])

    def list(self, prefix: str = "") -> Iterator[BlobStat]:
        """See `BlobStore`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        with self._explaining("list", prefix):
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(self._prefix)
                    # Others may have put something there, such as a console's "folder".
                    if is_key(key):
                        yield BlobStat(key, entry["Size"], entry["LastModified"].timestamp(), entry["ETag"])

    def delete(self, key: str, *, version: str | None = None) -> None:
        """See `BlobStore`."""
        condition = {} if version is None else {"IfMatch": version}
        with self._explaining("remove", checked_key(key)):
            try:
                self._client.delete_object(**self._object(key), **condition)
            except ClientError as error:
                if error_code(error) not in ABSENT | LOST | _MET:
                    raise

    def touch(self, key: str) -> None:
        """See `BlobStore`: S3 has no such request, but an object that is copied onto itself is as new."""
        place = self._object(checked_key(key))
        with self._explaining("touch", key):
            try:
                self._client.copy_object(**place, CopySource=place, MetadataDirective="REPLACE", **_content_type(key))
            except ClientError as error:
                if error_code(error) not in ABSENT:
                    raise

    def point(self, name: str, target: str) -> None:
        """See `BlobStore`: an object that holds the target, replaced only if nobody replaced it since it was read."""
        key = _POINTERS + checked_key(name)
        data = checked_key(target).encode()
        for _ in range(_TRIES):
            current = self._get(key)
            if current is not None and current.data >= data:
                return
            condition = {"IfNoneMatch": "*"} if current is None else {"IfMatch": current.version}
            if self._write(key, data, condition):
                return
        raise InfrastructureError(
            f"Can't let {self.address()} name {target} as {name}: other writers were faster {_TRIES} times; try again."
        )

    def target(self, name: str) -> str | None:
        """See `BlobStore`."""
        found = self._get(_POINTERS + checked_key(name))
        return None if found is None else found.data.decode()

    def remove_abandoned(self) -> None:
        """See `BlobStore`: an object is there after one request or not at all."""

    def address(self, key: str = "") -> str:
        """See `BlobStore`."""
        return f"s3://{self._bucket}/{self._prefix}{checked_key(key) if key else ''}"

    def _put(self, key: str, data: bytes | IO[bytes], new: bool) -> bool:
        checked_key(key)
        for _ in range(_TRIES):
            if self._write(key, data, {"IfNoneMatch": "*"} if new else {}):
                return True
            if new and self.stat(key) is not None:
                return False
        raise InfrastructureError(
            f"Can't write {self.address(key)}: S3 says that other writers were faster, {_TRIES} times."
        )

    def _write(self, key: str, data: bytes | IO[bytes], condition: dict[str, str]) -> bool:
        """Put an object; False where the condition does not hold, or another writer was in the way."""
        with self._explaining("write", key):
            if not isinstance(data, bytes):
                data.seek(0)
            try:
                self._client.put_object(**self._object(key), Body=data, **_content_type(key), **condition)
            except ClientError as error:
                if error_code(error) in LOST | _MET or (condition and error_code(error) in ABSENT):
                    return False
                raise
        return True

    def _get(self, key: str) -> Blob | None:
        with self._explaining("read", key):
            try:
                found = self._client.get_object(**self._object(key))
            except ClientError as error:
                if error_code(error) in ABSENT:
                    return None
                raise
            with contextlib.closing(found["Body"]) as body:
                return Blob(body.read(), found["ETag"])

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _explaining(self, action: str, key: str) -> AbstractContextManager[None]:
        return explaining_s3(action, f"s3://{self._bucket}/{self._prefix}{key}", _HINTS)


def _content_type(key: str) -> dict[str, str]:
    kind, _ = mimetypes.guess_type(key)
    return {"ContentType": kind} if kind else {}
