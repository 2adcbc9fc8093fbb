"""Books: chapters in reading order, anchors that name their member, and archives that are not what they say."""

from __future__ import annotations

import io
import zipfile

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentEmptyError, DocumentError, DocumentTooLargeError, DocumentUnreadableError
from docgraph.formats import archive
from docgraph.formats.base import CERTAIN, IMPOSSIBLE
from docgraph.formats.epub import sniff
from support.unit.formats_samples import read as read_document

CONTAINER = '<container xmlns="urn:c"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
PACKAGE = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Pump book</dc:title></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="a%20two.xhtml" media-type="application/xhtml+xml"/><item id="a" href="z1.xhtml" media-type="application/xhtml+xml"/>
<item id="lost" href="lost.xhtml" media-type="application/xhtml+xml"/><item id="p" href="p.svg" media-type="image/svg+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/><itemref idref="lost"/><itemref idref="p"/></spine></package>"""
NAV = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Contents</h1><nav><a href="z1.xhtml">First</a></nav></body></html>'
FIRST = """<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body><h1 id="one">First</h1>
<p><a id="x"/>See <a href="a%20two.xhtml#two">the second</a>, <a href="#in">below</a>, <a href="https://example.org/">there</a>.</p>
<h2 id="in">Inner</h2><pre>low()

    high()</pre></body></html>"""
SECOND = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>It goes on.</p><h1>Second</h1><p>Read last.</p></body></html>'
)


def book(**members: str) -> bytes:
    packed = io.BytesIO()
    files = {
        "META-INF/container.xml": CONTAINER,
        "mimetype": "application/epub+zip",
        "OEBPS/a two.xhtml": SECOND,
        "OEBPS/z1.xhtml": FIRST,
        "OEBPS/nav.xhtml": NAV,
        "OEBPS/book.opf": PACKAGE,
        **{
            name.replace("__", "/").replace("_xml", ".xml").replace("_opf", ".opf"): text
            for name, text in members.items()
        },
    }
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(zipfile.ZipInfo(name, (2024, 1, 2, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def read(data: bytes) -> ParsedDocument:
    return read_document(data, name="book.epub", content_type="application/epub+zip")


def test_chapters_come_in_reading_order_under_anchors_that_name_their_member() -> None:
    parsed = read(book())
    assert [(s.heading_path, p.anchor, p.where) for s, p in zip(parsed.sections, parsed.places, strict=True)] == [
        (("First",), "OEBPS/z1.xhtml#one", "OEBPS/z1.xhtml"),
        (("First", "Inner"), "OEBPS/z1.xhtml#in", "OEBPS/z1.xhtml"),
        (("Second",), "OEBPS/a two.xhtml", "OEBPS/a two.xhtml"),
    ]
    assert parsed.title == "Pump book"
    assert "It goes on." in parsed.sections[1].text
    assert [(block.language, block.text) for block in parsed.code_blocks] == [("", "low()\n\n    high()")]
    assert not any("Contents" in section.text for section in parsed.sections)


def test_links_between_chapters_lead_to_their_anchors_in_the_book() -> None:
    assert [(link.target_uri, link.anchor) for link in read(book()).links] == [
        ("upload:///book.epub", "OEBPS/a two.xhtml#two"),
        ("upload:///book.epub", "OEBPS/z1.xhtml#in"),
        ("https://example.org/", ""),
    ]


def test_a_member_that_is_missing_costs_that_member_and_is_said() -> None:
    warnings = " ".join(read(book()).warnings)
    assert "OEBPS/lost.xhtml is not in the book" in warnings
    assert "p.svg is image/svg+xml" in warnings


def test_a_book_is_recognised_by_its_container_wherever_that_stands() -> None:
    assert sniff(book()) == CERTAIN
    assert sniff(b"PK\x03\x04 cut") == IMPOSSIBLE
    assert sniff(b"<html>") == IMPOSSIBLE
    assert read_document(book(), name="book.zip", content_type="application/zip").format == "epub"


def test_entities_are_not_expanded() -> None:
    package = PACKAGE.replace(
        "<package", '<!DOCTYPE p [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/hostname">]><package'
    )
    with pytest.raises(DocumentUnreadableError, match="declares entities"):
        read(book(OEBPS__book_opf=package))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (book()[:200], DocumentError),
        (book().replace(b"META-INF", b"META-INX"), DocumentError),
        (book(OEBPS__book_opf="<package"), DocumentUnreadableError),
        (book(OEBPS__book_opf="<package/>"), DocumentEmptyError),
        (book(OEBPS__book_opf='<?xml version="1.0" encoding="UTF-9"?><package/>'), DocumentUnreadableError),
        (book(OEBPS__book_opf='<?xml version="1.0" encoding="utf-7"?><package/>'), DocumentUnreadableError),
    ],
)
def test_what_is_no_book_is_refused_with_the_reason(data: bytes, kind: type[DocumentError]) -> None:
    with pytest.raises(kind, match=r"book\.epub"):
        read(data)


def test_a_damaged_chapter_is_said() -> None:
    data = bytearray(book())
    place = data.index(b"OEBPS/z1.xhtml") + len("OEBPS/z1.xhtml")
    data[place : place + 20] = b"\xff" * 20
    with pytest.raises(DocumentUnreadableError, match=r"z1\.xhtml.*damaged"):
        read(bytes(data))


def test_a_member_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(DocumentTooLargeError, match="unpacks to more than"):
        read(book(**{"OEBPS__a two.xhtml": "<p>" + " " * 20_000_000}))


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MAX_MEMBERS", 3)
    with pytest.raises(DocumentTooLargeError, match="6 members"):
        read(book())
