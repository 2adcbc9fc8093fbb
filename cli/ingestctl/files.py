"""From the paths on the command line to documents: which files, under which address, and what is wrong with the others.

It reads names and bytes of local files and nothing else; nothing is sent from here.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from docgraph.domain.addresses import Address, AddressError
from docgraph.domain.content_types import CONTENT_TYPES
from docgraph.domain.identity import uri_for_path
from ingestctl.errors import CommandError
from ingestctl.text import printable

#: The service accepts no longer address.
MAX_ADDRESS = 2000
UPLOAD_PREFIX = "upload:///"
CHUNK_BYTES = 1 << 20
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SUPPORTED = ", ".join(CONTENT_TYPES)


@dataclass(frozen=True, slots=True)
class LocalDocument:
    """A file to ingest (or an address to delete): `name` is its path below the base, as a person reads it."""

    path: Path
    name: str
    source_uri: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input that is not sent, and why."""

    name: str
    code: str
    message: str
    hint: str

    def as_json(self) -> dict[str, str]:
        """Return the fields; bytes of a name that are no text are escaped."""
        return {"path": printable(self.name), "code": self.code, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line's paths come to."""

    documents: tuple[LocalDocument, ...]
    rejected: tuple[Rejected, ...]


class FileError(CommandError):
    """This file can't be ingested; the others go on."""


def select(arguments: Sequence[str], base: Path, *, delete: bool = False) -> Selection:
    """Expand files, folders and patterns into documents with an address each.

    Folders give their files with a known extension, recursively, without hidden ones and without following links to folders.
    With `delete` a path need not exist, and it may be an address: what came in another way is deleted by that.
    """
    documents: dict[str, LocalDocument] = {}
    rejected: list[Rejected] = []
    for argument in arguments:
        if delete and _ADDRESS.match(argument):
            try:
                uri = Address.of(argument).uri
            except AddressError as error:
                rejected.append(rejection(argument, FileError(str(error), code="bad_address")))
                continue
            documents.setdefault(uri, LocalDocument(Path(argument), argument, uri, ""))
            continue
        try:
            paths = _expand(argument, delete=delete)
        except FileError as error:
            rejected.append(rejection(argument, error))
            continue
        for path in paths:
            try:
                document = _document(path, base)
                if not delete:
                    _check_readable(path)
                _insert(documents, document)
            except FileError as error:
                rejected.append(rejection(str(path), error))
    return Selection(tuple(documents.values()), tuple(rejected))


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in pieces of `CHUNK_BYTES`.

    Raises:
        FileError: it can't be opened or read (any more).
    """
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise unreadable(path, error) from error


def sha256_of(chunks: Iterable[bytes]) -> str:
    """Return the SHA-256 (hex) over all chunks, without holding more than one."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def unreadable(path: Path, error: OSError) -> FileError:
    """Return the error that names the file and the system's reason."""
    return FileError(
        f"{printable(str(path))} can't be read: {error.strerror or error}.",
        hint="Check the name and your permission to read it.",
        code="unreadable",
    )


def _expand(argument: str, *, delete: bool) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        found = _files_below(path)
        if not found:
            raise FileError(
                f"The folder {printable(argument)} holds no document ({_SUPPORTED}).",
                hint="Name the files themselves, or another folder; hidden folders are left out.",
                code="no_match",
            )
        return found
    if not os.path.lexists(path) and glob.has_magic(argument):
        return _matches(argument)
    if not delete and not os.path.lexists(path):
        raise FileError(
            f"There is no file or folder {printable(argument)}.",
            hint="Check the spelling and the folder.",
            code="not_found",
        )
    return [path]


def _matches(pattern: str) -> list[Path]:
    found: list[Path] = []
    for name in sorted(glob.glob(pattern, recursive=True)):
        if os.path.isdir(name):
            found += [] if "**" in pattern else _files_below(Path(name))
        elif "**" not in pattern or Path(name).suffix.lower() in CONTENT_TYPES:
            found.append(Path(name))
    if not found:
        raise FileError(
            f"Nothing matches {printable(pattern)}.",
            hint="Check the pattern; ** stands for folders of any depth.",
            code="no_match",
        )
    return found


def _files_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(parent, name)
            for name in sorted(names)
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in CONTENT_TYPES
        ]
    return found


def _document(path: Path, base: Path) -> LocalDocument:
    content_type = CONTENT_TYPES.get(path.suffix.lower())
    if content_type is None:
        raise FileError(
            f"No reader exists for {printable(str(path))}.",
            hint=f"Convert it to Markdown; the extensions that are read: {_SUPPORTED}.",
            code="unsupported_format",
        )
    name = _below(path, base)
    try:
        uri = uri_for_path(UPLOAD_PREFIX, name)
    except UnicodeEncodeError as error:
        raise FileError(
            f"The file name {printable(name)} holds bytes that are not UTF-8, so no address can be made of it.",
            hint="Rename the file (convmv fixes whole folders).",
            code="name_not_utf8",
        ) from error
    if len(uri) > MAX_ADDRESS:
        raise FileError(
            f"{printable(name)} makes an address of {len(uri)} characters, and {MAX_ADDRESS} is the limit.",
            hint="Name a folder nearer to it with --base, or shorten the names of the folders.",
            code="address_too_long",
        )
    return LocalDocument(path=path, name=name, source_uri=uri, content_type=content_type)


def _below(path: Path, base: Path) -> str:
    """Return the path relative to the base as it is spelled, or, where links lead there, as it is resolved."""
    for file, folder in (
        (os.path.abspath(path), os.path.abspath(base)),
        (os.path.realpath(path), os.path.realpath(base)),
    ):
        relative = os.path.relpath(file, folder)
        if relative != os.pardir and not relative.startswith(os.pardir + os.sep):
            return Path(relative).as_posix()
    raise FileError(
        f"{printable(str(path))} is not below {printable(os.path.abspath(base))}, so its address would be arbitrary.",
        hint="Name a folder above it with --base.",
        code="outside_base",
    )


def _insert(documents: dict[str, LocalDocument], document: LocalDocument) -> None:
    other = documents.setdefault(document.source_uri, document)
    if os.path.abspath(other.path) != os.path.abspath(document.path):
        raise FileError(
            f"{printable(document.name)} has the same address as {printable(other.name)}: the names differ only in how "
            "their characters are composed.",
            hint="Rename one of the two.",
            code="same_address",
        )


def _check_readable(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"{printable(str(path))} is not a regular file.",
            hint="Save its content to a file first.",
            code="not_a_file",
        )
    if status.st_size == 0:
        raise FileError(f"{printable(str(path))} is empty.", hint="Add text or remove the file.", code="empty")


def rejection(name: str, error: CommandError) -> Rejected:
    """Return an error of one file as the entry that stands for it in the result."""
    return Rejected(name=name, code=error.code, message=str(error), hint=error.hint)
