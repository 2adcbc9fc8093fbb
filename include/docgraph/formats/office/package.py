"""An Office document as a package: its parts, and the relationships that lead from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from docgraph.domain.errors import DocumentUnreadableError, UnsupportedFormatError
from docgraph.formats.archive import Archive
from docgraph.formats.office.xml import root_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True, slots=True)
class Relationship:
    """Where an id leads: a part of the package, or an address outside."""

    kind: str
    target: str
    is_external: bool


class Package:
    """The parts of one document."""

    def __init__(self, data: bytes, source_uri: str) -> None:
        """Open the archive.

        Raises:
            DocumentError: it is encrypted, of the formats before 2007, damaged, or too large.
        """
        if data.startswith(_OLE):
            raise _old_or_encrypted(data, source_uri)
        if not data.startswith(b"PK"):
            raise DocumentUnreadableError(
                f"{source_uri} is no Office document: it doesn't begin as a ZIP archive does. It may be cut off or have the wrong name; "
                "save it again and drop it again."
            )
        self._archive = Archive(data, source_uri)
        self.source_uri = source_uri

    def main_part(self, usual: str) -> str:
        """Return the name of the part that is the document itself; `usual` is its name where the package doesn't say."""
        kinds = self.relationships("").values()
        return next((each.target for each in kinds if each.kind == "officeDocument"), usual)

    def read(self, part: str) -> bytes | None:
        """Return a part's bytes, or None where the package lacks it."""
        return self._archive.read(part)

    def root(self, part: str) -> Element | None:
        """Return the root element of a part, or None where the package lacks it."""
        content = self.read(part) if part else None
        return root_of(content, self.describe(part)) if content else None

    def describe(self, part: str) -> str:
        """Name a part in messages."""
        return f"{part} of {self.source_uri}"

    def relationships(self, part: str) -> Mapping[str, Relationship]:
        """Return what a part relates to, by id; of the package itself for an empty name."""
        root = self.root(join(dirname(part), "_rels", f"{basename(part)}.rels"))
        found: dict[str, Relationship] = {}
        for element in root if root is not None else ():
            target = element.get("Target", "")
            is_external = element.get("TargetMode") == "External"
            if not is_external:
                target = normpath(join("/", dirname(part), unquote(target))).lstrip("/")
            kind = element.get("Type", "").rpartition("/")[2]
            found[element.get("Id", "")] = Relationship(kind, target, is_external)
        return found

    def related(self, part: str, kind: str) -> str:
        """Return the part of this kind that a part relates to, or an empty name."""
        found = self.relationships(part).values()
        return next((each.target for each in found if each.kind == kind and not each.is_external), "")

    def lacks(self, part: str) -> DocumentUnreadableError:
        """Say that the part which is the document itself is not there."""
        return DocumentUnreadableError(
            f"{self.source_uri} has no part {part!r}, where its text would be. Save the document again and drop it again."
        )

    def title(self) -> str:
        """Return the title that the document's properties state."""
        root = self.root(self.related("", "core-properties"))
        for element in root if root is not None else ():
            if element.tag.rpartition("}")[2] == "title":
                return " ".join((element.text or "").split())
        return ""


def _old_or_encrypted(data: bytes, source_uri: str) -> DocumentUnreadableError | UnsupportedFormatError:
    if _ENCRYPTED in data:
        return DocumentUnreadableError(
            f"{source_uri} is encrypted: it can only be opened with a password. Save it without one and drop it again."
        )
    return UnsupportedFormatError(
        f"{source_uri} is a document of Office 97 to 2003, whatever its name says; save it as .docx or .pptx and drop it again."
    )
