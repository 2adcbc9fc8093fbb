"""Reads man pages: man(7) and mdoc(7), without running roff. No file that a page names is read, no macro of its own is run."""

from __future__ import annotations

import re

from docgraph.domain.content_types import kind_of
from docgraph.formats.base import IMPOSSIBLE, LIKELY, POSSIBLE, Read, Source, built_in
from docgraph.formats.decoding import decode, sniff_text
from docgraph.formats.man.body import Body
from docgraph.formats.man.man7 import ManReader
from docgraph.formats.man.mdoc import MdocReader
from docgraph.formats.man.requests import Page
from docgraph.formats.writer import OutlineWriter

_SAMPLE = 65_536
_BEGINS = re.compile(rb"^[.']\s*(?:TH|Dd)[ \t]", re.MULTILINE)
_MDOC = re.compile(r"^[.']\s*(?:Dd|Dt|Sh)\b", re.MULTILINE)
_MAN = re.compile(r"^[.']\s*(?:TH|SH)\b", re.MULTILINE)


def sniff(data: bytes) -> float:
    """Tell whether the bytes begin as a man page does: with control lines and comments, one of which names the page."""
    if not sniff_text(data):
        # Old pages are in Latin-1, which is text, too.
        return IMPOSSIBLE
    sample = data[:_SAMPLE]
    begins = _BEGINS.search(sample)
    if begins is None:
        return POSSIBLE if sample.startswith((b".", b"'")) else IMPOSSIBLE
    before = sample[: begins.start()].split(b"\n")
    return LIKELY if all(not line.strip() or line.startswith((b".", b"'")) for line in before) else POSSIBLE


def read(data: bytes, source: Source) -> Read:
    """Read a page; which macros it is written in shows in the first of them.

    Raises:
        DocumentError: the bytes are no text, or there is none.
    """
    text = decode(_in_utf8(data), source.uri)
    writer = OutlineWriter()
    page = Page(text)
    mdoc, man = _MDOC.search(text), _MAN.search(text)
    is_mdoc = mdoc is not None and (man is None or mdoc.start() < man.start())
    reader = MdocReader(page, Body(writer)) if is_mdoc else ManReader(page, Body(writer))
    reader.read()
    writer.title = reader.title or None
    written, outline = writer.read()
    return Read(written, outline)


def _in_utf8(data: bytes) -> bytes:
    """Return the page in UTF-8: pages that are not, are in Latin-1, the encoding that roff was made for."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()
    return data


FORMAT = built_in(kind_of("man"), 1, sniff, read)
