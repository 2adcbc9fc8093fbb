"""Reads the XML parts of Office documents: names of the transitional schema, no document types, no recursion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast
from xml.parsers import expat

from docgraph.domain.errors import DocumentUnreadableError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SCHEMAS = "http://schemas.openxmlformats.org"
W = f"{{{_SCHEMAS}/wordprocessingml/2006/main}}"
A = f"{{{_SCHEMAS}/drawingml/2006/main}}"
P = f"{{{_SCHEMAS}/presentationml/2006/main}}"
C = f"{{{_SCHEMAS}/drawingml/2006/chart}}"
M = f"{{{_SCHEMAS}/officeDocument/2006/math}}"
R = f"{{{_SCHEMAS}/officeDocument/2006/relationships}}"
DGM = f"{{{_SCHEMAS}/drawingml/2006/diagram}}"
WP = f"{{{_SCHEMAS}/drawingml/2006/wordprocessingDrawing}}"
MC = f"{{{_SCHEMAS}/markup-compatibility/2006}}"
V = "{urn:schemas-microsoft-com:vml}"

#: Namespaces of the strict schema, in bytes as files have them, and what the transitional one calls them.
_STRICT = tuple(
    (f"http://purl.oclc.org/ooxml/{strict}".encode(), f"{_SCHEMAS}/{transitional}".encode())
    for strict, transitional in (
        ("wordprocessingml/main", "wordprocessingml/2006/main"),
        ("drawingml/main", "drawingml/2006/main"),
        ("presentationml/main", "presentationml/2006/main"),
        ("drawingml/chart", "drawingml/2006/chart"),
        ("drawingml/diagram", "drawingml/2006/diagram"),
        ("drawingml/wordprocessingDrawing", "drawingml/2006/wordprocessingDrawing"),
        ("officeDocument/math", "officeDocument/2006/math"),
        ("officeDocument/relationships", "officeDocument/2006/relationships"),
    )
)
_CHUNK = 2**16
#: What the parser raises for an encoding that it doesn't know, or can't read.
_ENCODING = (LookupError, ValueError)


def root_of(content: bytes, what: str) -> Element:
    """Return the root element of a part that is read as a whole.

    Raises:
        DocumentUnreadableError: it is not well-formed, or declares a document type.
    """
    from xml.etree import ElementTree

    content = _transitional(content)
    _refuse_document_type(content, what)
    try:
        return ElementTree.fromstring(content)  # noqa: S314 - document types, and with them entities, were refused above
    except (ElementTree.ParseError, *_ENCODING) as error:
        raise _malformed(what, error) from error


def blocks_of(content: bytes, container: str, what: str) -> Iterator[Element]:
    """Yield the children of the first `container` one by one; each is emptied when the next is asked for, so that large parts need little.

    Raises:
        DocumentUnreadableError: the part is not well-formed, or declares a document type.
    """
    from xml.etree import ElementTree

    content = _transitional(content)
    _refuse_document_type(content, what)
    parser: ElementTree.XMLPullParser[Element] = ElementTree.XMLPullParser(("start", "end"))
    depth = 0
    # The depth of the container while it is open; 0 before and after it.
    around, is_done = 0, False
    path: list[Element] = []
    try:
        for position in range(0, len(content), _CHUNK):
            parser.feed(content[position : position + _CHUNK])
            for event, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
                if event == "start":
                    path.append(element)
                    depth += 1
                    if element.tag == container and not around and not is_done:
                        around = depth
                    continue
                path.pop()
                depth -= 1
                if around and depth == around:
                    yield element
                    path[-1].remove(element)
                elif around and depth < around:
                    around, is_done = 0, True
        parser.close()
    except (ElementTree.ParseError, *_ENCODING) as error:
        raise _malformed(what, error) from error


def _transitional(content: bytes) -> bytes:
    if b"http://purl.oclc.org/ooxml/" in content[:_CHUNK]:
        for strict, transitional in _STRICT:
            content = content.replace(strict, transitional)
    return content


def _malformed(what: str, error: Exception) -> DocumentUnreadableError:
    return DocumentUnreadableError(
        f"{what} is not well-formed XML ({error}). Save the document again and drop it again."
    )


def _refuse_document_type(content: bytes, what: str) -> None:
    """Read up to the first element: a document type, the only place where entities are declared, stands before it."""

    class RootError(Exception):
        """The first element has begun."""

    def refuse(*_: object) -> None:
        raise DocumentUnreadableError(
            f"{what} declares a document type, which no Office program writes and docgraph doesn't read. Save the document again."
        )

    def end(*_: object) -> None:
        raise RootError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = end
    try:
        parser.Parse(content, True)
    except RootError:
        return
    except (expat.ExpatError, *_ENCODING) as error:
        raise _malformed(what, error) from error
