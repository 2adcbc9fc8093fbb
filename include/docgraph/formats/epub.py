"""Reads EPUB 2 and 3: the chapters of the book in reading order, each as the page that it is.

Anchors are `member#id`, such as `OEBPS/ch01.xhtml#setup`, and links between chapters lead to these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname, join, normpath
from urllib.parse import quote, unquote, urlsplit
from xml.parsers import expat

from docgraph.domain.content_types import kind_of
from docgraph.domain.errors import DocumentUnreadableError
from docgraph.formats.archive import Archive, has_members
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, Read, Source, built_in
from docgraph.formats.writer import OutlineWriter

_CONTAINER = "META-INF/container.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/html", "text/x-oeb1-document"})

_Start = Callable[[str, Mapping[str, str]], None]
_End = Callable[[str], None]


@dataclass(slots=True)
class _Book:
    """What the package file says: members by id with their type and properties, and the order of reading."""

    title: str = ""
    members: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    spine: list[str] = field(default_factory=list)
    contents: set[str] = field(default_factory=set)


def sniff(data: bytes) -> float:
    """Tell whether the bytes are an archive with the container of a book."""
    return CERTAIN if has_members(data, _CONTAINER) else IMPOSSIBLE


def read(data: bytes, source: Source) -> Read:
    """Read a book.

    Raises:
        DocumentError: the archive is damaged, encrypted or too large, or it has no package file.
    """
    archive = Archive(data, source.uri)
    package = _package_file(archive, source.uri)
    content = archive.read(package)
    if content is None:
        raise DocumentUnreadableError(
            f"{source.uri} is no book: {_CONTAINER} names {package!r}, which is not in it. Export it again."
        )
    book = _book(content, source.uri)
    writer = OutlineWriter()
    writer.title = book.title or None
    for name in _chapters(book, package, writer):
        _write_chapter(archive, name, writer, source.uri)
    text, outline = writer.read()
    return Read(text, outline)


def _package_file(archive: Archive, source_uri: str) -> str:
    found: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "rootfile" and attributes.get("full-path"):
            found.append(attributes["full-path"])

    _parse(archive.read(_CONTAINER) or b"", start, _nothing, f"{_CONTAINER} of {source_uri}")
    if not found:
        raise DocumentUnreadableError(
            f"{source_uri} is no book: its {_CONTAINER} names no package file. Export it again."
        )
    return found[0]


def _book(content: bytes, source_uri: str) -> _Book:
    book = _Book()
    inside: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        inside.append(name)
        if name == "item":
            book.members[attributes.get("id", "")] = (
                attributes.get("href", ""),
                attributes.get("media-type", ""),
                attributes.get("properties", ""),
            )
        elif name == "itemref":
            book.spine.append(attributes.get("idref", ""))
        elif name == "reference" and attributes.get("type") == "toc":
            book.contents.add(attributes.get("href", "").partition("#")[0])

    def text(words: str) -> None:
        if inside[-2:] == ["metadata", "title"]:
            book.title += words

    def end(name: str) -> None:
        del name
        inside.pop()

    _parse(content, start, end, f"The package file of {source_uri}", text=text)
    book.title = " ".join(book.title.split())
    return book


def _chapters(book: _Book, package: str, writer: OutlineWriter) -> list[str]:
    """Return the members that are the book's text, in reading order; its list of contents is none of them."""
    names: list[str] = []
    for reference in book.spine:
        href, media_type, properties = book.members.get(reference, ("", "", ""))
        if not href:
            writer.warn(
                f"The book's order of reading names {reference!r}, which its manifest doesn't have; it was left out"
            )
        elif "nav" in properties.split() or href.partition("#")[0] in book.contents:
            continue
        elif media_type not in _PAGES:
            writer.warn(f"{href} is {media_type or 'of no known type'}, which is no text; it was left out")
        else:
            names.append(normpath(join(dirname(package), unquote(href.partition("#")[0]))))
    return list(dict.fromkeys(names))


def _write_chapter(archive: Archive, name: str, writer: OutlineWriter, source_uri: str) -> None:
    from docgraph.formats.html.encoding import decode_html
    from docgraph.formats.html.page import parse_page
    from docgraph.formats.html.walker import Walker

    content = archive.read(name)
    if content is None:
        writer.warn(f"{name} is not in the book; it was left out")
        return
    if not content.strip():
        return
    text, warnings = decode_html(content, f"{name} of {source_uri}")
    for warning in warnings:
        writer.warn(f"{name}: {warning}")
    body = parse_page(text).body
    writer.place(name)

    def resolve(reference: str) -> str:
        if urlsplit(reference).scheme or reference.startswith("//"):
            return reference
        path, mark, anchor = reference.partition("#")
        target = normpath(join(dirname(name), unquote(path))) if path else name
        return f"#{quote(target)}{mark and '%23'}{anchor}"

    if body is not None:
        Walker(writer, basename(name), prefix=name, resolve=resolve).walk(body)


def _nothing(name: str) -> None:
    del name


def _parse(content: bytes, start: _Start, end: _End, what: str, *, text: _End | None = None) -> None:
    """Parse XML without namespaces; entities that the document declares are refused, and nothing outside is read.

    Raises:
        DocumentUnreadableError: it is not well-formed, or declares entities.
    """
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise DocumentUnreadableError(
            f"{what} declares entities, which are not read. Export the book again without them."
        )

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        # The latter two: an encoding that the parser doesn't know, or can't use.
        raise DocumentUnreadableError(f"{what} is not well-formed XML ({error}). Export the book again.") from error


FORMAT = built_in(kind_of("epub"), 1, sniff, read)
