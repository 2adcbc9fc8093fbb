"""Reads members of a ZIP archive within bounds that are counted while reading; nothing is written anywhere."""

from __future__ import annotations

import io
import zipfile
import zlib

from docgraph.domain.errors import DocumentTooLargeError, DocumentUnreadableError

_MAX_MEMBERS = 10_000
_MAX_BYTES = 512 * 2**20
#: Real books and Office files stay below 30; small members may be all blanks.
_MAX_RATIO = 100
_SMALL = 2**20
_CHUNK = 2**18
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class Archive:
    """A ZIP archive in memory. What an archive says about its sizes is not believed."""

    def __init__(self, data: bytes, source_uri: str) -> None:
        """Read the list of members.

        Raises:
            DocumentUnreadableError: it is no ZIP archive, or a damaged one.
            DocumentTooLargeError: it has too many members.
        """
        self._source_uri = source_uri
        self._left = _MAX_BYTES
        try:
            self._file = zipfile.ZipFile(io.BytesIO(data))
        except _BROKEN as error:
            raise DocumentUnreadableError(
                f"{source_uri} is a ZIP archive that can't be opened ({error}): it is damaged or cut off. Save it again and drop it again."
            ) from error
        if len(self._file.infolist()) > _MAX_MEMBERS:
            raise DocumentTooLargeError(
                f"{source_uri} has {len(self._file.infolist()):,} members, more than {_MAX_MEMBERS:,}; split the document."
            )
        self._members = {member.filename: member for member in self._file.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes | None:
        """Return a member's bytes, or None where the archive has no such member.

        Raises:
            DocumentUnreadableError: the member is damaged or encrypted.
            DocumentTooLargeError: it unpacks to more than a document of its size can be, or all of them do.
        """
        member = self._members.get(name)
        if member is None:
            return None
        most = min(self._left, max(_SMALL, _MAX_RATIO * member.compress_size))
        pieces: list[bytes] = []
        size = 0
        try:
            with self._file.open(member) as stream:
                while piece := stream.read(_CHUNK):
                    size += len(piece)
                    if size > most:
                        break
                    pieces.append(piece)
        except _BROKEN as error:
            raise DocumentUnreadableError(
                f"{self._source_uri} can't be read: its member {name!r} is damaged or encrypted ({error}). "
                "Save it again without protection and drop it again."
            ) from error
        if size > most:
            raise DocumentTooLargeError(
                f"{self._source_uri} was not read: its member {name!r} unpacks to more than {most:,} bytes, which no document of its "
                "size does; split it, or save it again."
            )
        self._left -= size
        return b"".join(pieces)


def member_names(data: bytes) -> frozenset[str]:
    """Return the names of the members of a ZIP archive; none where the bytes are no such archive."""
    if not data.startswith(b"PK\x03\x04"):
        return frozenset()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return frozenset(file.namelist())
    except _BROKEN:
        return frozenset()


def has_members(data: bytes, *names: str) -> bool:
    """Tell whether the bytes are a ZIP archive that has all these members."""
    return member_names(data).issuperset(names)
