"""Reads HTML as published: the main content of a page, with anchors, code, tables and links. Renders and runs nothing."""

from __future__ import annotations

from docgraph.domain.content_types import kind_of
from docgraph.formats.base import Read, Source, built_in
from docgraph.formats.html.encoding import decode_html
from docgraph.formats.html.sniffing import sniff
from docgraph.formats.writer import OutlineWriter


def read(data: bytes, source: Source) -> Read:
    """Read a page.

    Raises:
        DocumentError: the bytes are no text.
    """
    from docgraph.formats.html.page import write_page

    text, warnings = decode_html(data, source.uri)
    writer = OutlineWriter()
    for warning in warnings:
        writer.warn(warning)
    front_matter = write_page(text, writer, source.uri)
    written, outline = writer.read()
    return Read(written, outline, front_matter)


FORMAT = built_in(kind_of("html"), 1, sniff, read)
