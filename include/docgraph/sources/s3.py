"""A bucket of S3, or of any service that speaks its language: the objects below a prefix are mirrored, and stay where they are.

An object is another version when its ETag or its size is another; when it was written says nothing, because two writes in one second
look alike. The listing is the truth, and a listing that is not whole is an error, never a deletion. A key is taken literally: each
has an address of its own, from which it can be read back.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from pydantic import Field

from docgraph.domain.content_types import content_type_of
from docgraph.domain.errors import ConfigurationError, DocumentError, DocumentTooLargeError, InfrastructureError
from docgraph.domain.identity import canonical_source_uri
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import AwsAccess, Settings
from docgraph.sources.base import Change, ChangedMeanwhileError, Cursor, Location, Place, SyncPlan
from docgraph.sources.files import UNKNOWN_CONTENT_TYPE, PatternOptions, Patterns, is_passing
from docgraph.sources.filesystem import tag_of
from docgraph.sources.options import options_of

if TYPE_CHECKING:
    from docgraph.stores.blobs.bucket import Bucket, Listed

logger = logging.getLogger(__name__)

_SCHEME = "s3://"
_BUCKET_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")
#: Classes out of which nothing is read before it was restored, which takes hours.
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
#: What Hadoop's tools put for a folder.
_FOLDER_MARKER = "_$folder$"


class S3Options(PatternOptions):
    """Which objects below the prefix are documents; patterns are those of `.gitignore`, relative to the prefix."""

    folders_are_tags: bool = Field(
        default=True,
        description="Whether the first folder below the prefix is the dataset where it can be one, as in the watch folder.",
    )


class S3Mirror:
    """The objects below a prefix of a bucket; nothing in it is written."""

    remembers = True

    def __init__(
        self,
        bucket: str,
        prefix: str,
        access: AwsAccess,
        *,
        name: str,
        tag: str,
        max_bytes: int = 64 * 2**20,
        options: S3Options | None = None,
    ) -> None:
        """Mirror what lies below `prefix`, which is empty or ends in `/`; nothing is asked yet."""
        options = options or S3Options()
        self.name = name
        self.bucket = bucket
        self.prefix = prefix
        self._access = access
        self._tag = tag
        self._max_bytes = max_bytes
        self._folders_are_tags = options.folders_are_tags
        self._patterns = Patterns(options)

    @cached_property
    def _bucket(self) -> Bucket:
        # boto3 takes a while to import: who only asks whose address this is does without it.
        from docgraph.stores.blobs.bucket import Bucket

        return Bucket(self.bucket, self._access)

    def covers(self, uri: str) -> bool:
        """Tell whether the address is that of a key below the prefix."""
        return self._key(uri) is not None

    def plan(self, cursor: Cursor) -> SyncPlan:
        """Return what differs from the cursor.

        Raises:
            InfrastructureError: there is no such bucket, or it can't be listed to its end.
        """
        return self._difference(cursor, self._present())

    def poll(self, cursor: Cursor) -> list[str] | None:
        """List the bucket, in one request a thousand objects, and look whether something differs from the cursor."""
        return None if self.plan(cursor).is_empty else []

    def changes(self, cursor: Cursor, seen: Collection[str] = ()) -> Iterator[Change]:
        """Yield what differs from the cursor, oldest first, then what has gone.

        Raises:
            InfrastructureError: there is no such bucket, or it can't be listed to its end.
        """
        del seen
        present = self._present()
        plan = self._difference(cursor, present)
        for uri in sorted((*plan.added, *plan.changed), key=lambda uri: (present[uri].modified, uri)):
            found = present[uri]
            content_type = content_type_of(found.key) or self._bucket.content_type(found.key) or UNKNOWN_CONTENT_TYPE
            opened = partial(self._read, found)
            yield Change(uri, self._tag_of(found.key), plan.versions[uri], content_type=content_type, open=opened)
        for uri in plan.removed:
            yield Change(uri, self._tag_of(self._key(uri) or ""), "", deleted=True)

    def settle(self, change: Change) -> None:
        """Do nothing: the cursor says what is settled, and the object stays."""

    def locate(self, uri: str) -> Location:
        """Return whether the object is there and would be taken; where the bucket can't be asked from here, nothing is known of it."""
        from docgraph.stores.blobs.bucket import Bucket

        key = self._key(uri)
        if key is None:
            return Location(Place.ABSENT, uri, self._tag)
        place = Place.ABSENT
        try:
            if Bucket(self.bucket, self._access, patient=False).find(key) is not None:
                place = Place.WAITING if self._wants(key) else Place.IGNORED
        except (ConfigurationError, InfrastructureError) as error:
            # Outside Airflow there are no credentials; who looks for a document has other links to look at.
            logger.warning("whether %s is in its bucket is not known: %s", uri, error)
        return Location(place, key.removeprefix(self.prefix), self._tag_of(key))

    def remove_settled(self, older_than_seconds: float) -> int:
        """Remove nothing: no original is put aside."""
        del older_than_seconds
        return 0

    def _present(self) -> dict[str, Listed]:
        listed = [each for each in self._bucket.list(self.prefix) if self._wants(each.key)]
        markers = _folder_markers(listed)
        return {uri_of(self.bucket, each.key): each for each in listed if each.key not in markers}

    def _difference(self, cursor: Cursor, present: dict[str, Listed]) -> SyncPlan:
        return SyncPlan.between(self.name, cursor, {uri: _version(listed) for uri, listed in present.items()})

    def _wants(self, key: str) -> bool:
        """Tell whether an object of this key would be a document."""
        relative = key.removeprefix(self.prefix)
        # Names that begin with a dot are hidden, as in a folder; "." and "..", which no address can hold, are among them.
        if not relative or key.endswith("/") or any(map(is_passing, relative.split("/"))):
            return False
        return self._patterns.choose(relative)

    def _read(self, found: Listed) -> Iterable[bytes]:
        """Give the bytes of the very version that the listing named."""
        from docgraph.stores.blobs.bucket import ObjectChangedError

        place = f"{_SCHEME}{self.bucket}/{found.key}"
        if found.size > self._max_bytes:
            raise DocumentTooLargeError.of(place, found.size, self._max_bytes)
        if found.storage_class in _ARCHIVES:
            raise DocumentError(
                f"{place} lies in the archive class {found.storage_class}, out of which nothing is read at once; copy it into another "
                "class, or leave it out with options.exclude of the source."
            )
        try:
            yield from self._bucket.read(found)
        except ObjectChangedError as error:
            raise ChangedMeanwhileError(str(error)) from error

    def _key(self, uri: str) -> str | None:
        """Return the key that an address stands for; None for addresses that are none of this source's."""
        root = uri_of(self.bucket, "")
        if not uri.startswith(root):
            return None
        canonical = canonical_source_uri(uri)
        key = unquote(canonical.removeprefix(root))
        own = uri_of(self.bucket, key) == canonical and key.startswith(self.prefix) and key != self.prefix
        return key if own else None

    def _tag_of(self, key: str) -> str:
        return tag_of(key.removeprefix(self.prefix), self._tag) if self._folders_are_tags else self._tag


def uri_of(bucket: str, key: str) -> str:
    """Return the address of an object: its key percent-encoded byte by byte, so that no two keys have one address.

    Keys that hold a segment "." or ".." have none: an address loses them.
    """
    return canonical_source_uri(f"{_SCHEME}{bucket}/{quote(key)}")


def make(wanted: SourceConfig, settings: Settings, config: IngestConfig) -> S3Mirror:
    """Make the source of kind `s3` that the configuration describes.

    Raises:
        ConfigurationError: `where` names no bucket, or an option can't be.
    """
    bucket, _, prefix = wanted.where.removeprefix(_SCHEME).partition("/")
    dotted = {".", ".."} & set(prefix.split("/"))
    if not wanted.where.startswith(_SCHEME) or not bucket or not _BUCKET_CHARACTERS.issuperset(bucket) or dotted:
        raise ConfigurationError(
            f"{settings.config_file}: sources: {wanted.name}: where: {wanted.where!r} names no place in a bucket; give s3://bucket or "
            "s3://bucket/prefix, the prefix as its keys are written, not percent-encoded, and without '.' and '..' between slashes."
        )
    return S3Mirror(
        bucket,
        prefix if not prefix or prefix.endswith("/") else f"{prefix}/",
        settings.s3.get(wanted.connection, settings.aws),
        name=wanted.name,
        tag=wanted.tag,
        max_bytes=config.limits.max_document_bytes,
        options=options_of(wanted, S3Options, settings.config_file),
    )


def _version(listed: Listed) -> str:
    # Copied out of an archive, an object has the ETag that it had there.
    archive = listed.storage_class if listed.storage_class in _ARCHIVES else ""
    return "-".join(filter(None, (listed.etag.strip('"'), str(listed.size), listed.version_id, archive)))


def _folder_markers(listed: Collection[Listed]) -> set[str]:
    """Return the keys of empty objects that only stand for a folder: others lie below them, or their name says so."""
    empty = {each.key for each in listed if each.size == 0}
    if not empty:
        return empty
    above = {folder for each in listed for folder in _folders(each.key) if folder in empty}
    return above | {key for key in empty if key.endswith(_FOLDER_MARKER)}


def _folders(key: str) -> Iterator[str]:
    position = key.find("/")
    while position >= 0:
        yield key[:position]
        position = key.find("/", position + 1)
