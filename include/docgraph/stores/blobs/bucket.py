"""A bucket of others, read only: what lies below a prefix, and the bytes of an object as it was listed.

Keys are what the service says they are, whatever characters they hold. Nothing is kept between two calls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from docgraph.domain.errors import DocumentError, InfrastructureError
from docgraph.settings import AwsAccess
from docgraph.stores.blobs.s3_client import ABSENT, LOST, connect, error_code, explaining

_CHUNK_BYTES = 2**20
#: What a service says of an object that it lists and can't give out as it lies there: its name, its class, its encryption.
_UNREADABLE = frozenset({"InvalidURI", "InvalidArgument", "InvalidObjectState", "InvalidRequest", "KeyTooLongError"})
_HINTS = {
    "AccessDenied": "Allow s3:ListBucket on the bucket and s3:GetObject below the prefix, or name another connection for the source.",
    "NoSuchBucket": "Make the bucket, or correct `where` of the source in config/ingest.yaml.",
    "InvalidBucketName": "Correct `where` of the source in config/ingest.yaml.",
    "ExpiredToken": "Renew the credentials of the source's connection.",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing names it."""

    key: str
    #: As the service writes it, with its quotation marks: no checksum, but another text whenever the content is another.
    etag: str
    size: int
    modified: datetime
    storage_class: str = ""
    #: Where the listing gives one.
    version_id: str = ""


class ObjectChangedError(InfrastructureError):
    """The object is no longer what the listing said; the next listing says what it is then."""


class Bucket:
    """A bucket that is only read."""

    def __init__(self, name: str, access: AwsAccess, *, patient: bool = True) -> None:
        """Name the bucket; nothing is asked yet."""
        self.name = name
        self._access = access
        self._patient = patient

    @cached_property
    def _client(self) -> Any:
        return connect(self._access, patient=self._patient)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects whose key begins with `prefix`, in one request a thousand.

        Raises:
            ConfigurationError: the access can't be used.
            InfrastructureError: there is no such bucket, or it can't be listed to its end.
        """
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        with explaining("list", f"s3://{self.name}/{prefix}", _HINTS):
            for page in pages:
                yield from (_listed(entry) for entry in page.get("Contents", ()))

    def read(self, wanted: Listed) -> Iterator[bytes]:
        """Yield the bytes of an object as it was listed, and of no other version of it.

        Raises:
            ObjectChangedError: it was replaced or removed since it was listed.
            DocumentError: the service lists the object, but can't give it out as it lies there.
            InfrastructureError: the bucket can't be read.
        """
        place = f"s3://{self.name}/{wanted.key}"
        with explaining("read", place, _HINTS):
            found = self._get(wanted, place)
            with contextlib.closing(found["Body"]) as body:
                yield from body.iter_chunks(_CHUNK_BYTES)

    def content_type(self, key: str) -> str:
        """Return what an object was declared as when it was put; empty where the service does not say.

        Raises:
            InfrastructureError: the service does not answer.
        """
        with explaining("look at", f"s3://{self.name}/{key}", _HINTS):
            try:
                return str(self._client.head_object(Bucket=self.name, Key=key).get("ContentType", ""))
            except ClientError:
                # A hint that can't be had: reading the object says what is wrong with it.
                return ""

    def find(self, key: str) -> Listed | None:
        """Return what a listing says of one key now.

        Raises:
            InfrastructureError: the bucket can't be listed.
        """
        with explaining("list", f"s3://{self.name}/{key}", _HINTS):
            # Of all keys that begin so, the key itself is the first.
            page = self._client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        return next((each for each in map(_listed, page.get("Contents", ())) if each.key == key), None)

    def _get(self, wanted: Listed, place: str) -> Any:
        try:
            found = self._client.get_object(Bucket=self.name, Key=wanted.key, IfMatch=wanted.etag)
        except ClientError as error:
            code = error_code(error)
            if code in _UNREADABLE:
                raise _unreadable(place, code) from error
            if code not in ABSENT | LOST:
                raise
            self._refuse_unless_listed(wanted, place)
            if code in ABSENT:
                raise _unreadable(place, code) from error
            # Nobody has touched it, so the service compares other ETags than those that it lists.
            return self._client.get_object(Bucket=self.name, Key=wanted.key)
        if found["ETag"] != wanted.etag:
            # A service that knows no If-Match.
            with contextlib.closing(found["Body"]):
                self._refuse_unless_listed(wanted, place)
            return self._client.get_object(Bucket=self.name, Key=wanted.key)
        return found

    def _refuse_unless_listed(self, wanted: Listed, place: str) -> None:
        present = self.find(wanted.key)
        if present is None or (present.etag, present.size) != (wanted.etag, wanted.size):
            raise ObjectChangedError(f"{place} was replaced or removed before it was read; the next look takes it.")


def _listed(entry: dict[str, Any]) -> Listed:
    return Listed(
        key=entry["Key"],
        etag=entry["ETag"],
        size=entry["Size"],
        modified=entry["LastModified"],
        storage_class=entry.get("StorageClass", ""),
        version_id=entry.get("VersionId", ""),
    )


def _unreadable(place: str, code: str) -> DocumentError:
    return DocumentError(
        f"{place} is listed, but the service does not give it out ({code}); copy it under a plain name, into a class that can be "
        "read at once and without a key of its own."
    )
