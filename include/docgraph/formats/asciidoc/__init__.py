"""Reads AsciiDoc as asciidoctor publishes it, with a line reader of our own. Nothing is included and nothing is run."""

from __future__ import annotations

import re

from docgraph.domain.content_types import kind_of
from docgraph.domain.errors import DocumentEmptyError
from docgraph.formats.asciidoc.blocks import Blocks
from docgraph.formats.asciidoc.preprocessing import preprocessed
from docgraph.formats.base import IMPOSSIBLE, LIKELY, POSSIBLE, Read, Source, built_in
from docgraph.formats.decoding import decode, sniff_text
from docgraph.formats.writer import OutlineWriter

_SAMPLE = 65_536
_TITLE = re.compile(rb"^={1,6} \S", re.MULTILINE)
_MARKS = re.compile(
    rb"^(?::[a-z][\w-]{0,60}!?:(?:[ \r\n])|(?:include|ifdef|ifndef|image)::[^\s\[]{0,200}\[|\|={3,}[ \r]*$|\[\[[\w.-]{1,80}\]\][ \r]*$"
    rb"|\[source(?:,[^\]\n]{0,80})?\][ \r]*$|\[(?:NOTE|TIP|WARNING|verse|horizontal|discrete)[^\]\n]{0,80}\][ \r]*$)",
    re.MULTILINE,
)


def sniff(data: bytes) -> float:
    """Tell whether the bytes carry what no other format has: titles behind equals signs together with attributes or block macros."""
    if not sniff_text(data):
        return IMPOSSIBLE
    sample = data[:_SAMPLE]
    return LIKELY if _TITLE.search(sample) and _MARKS.search(sample) else POSSIBLE


def read(data: bytes, source: Source) -> Read:
    """Read a document.

    Raises:
        DocumentError: the bytes are no text in UTF-8, or there is none.
    """
    lines = preprocessed(decode(data, source.uri))
    blocks = Blocks(OutlineWriter(), lines, {})
    blocks.read()
    if blocks.has_unknown_titles:
        # A reference without a text shows the title of what it leads to, which may stand further down.
        blocks = Blocks(OutlineWriter(), lines, blocks.titles)
        blocks.read()
    written, outline = blocks.writer.read()
    if not written:
        raise DocumentEmptyError(
            f"{source.uri} has no text that a reader would see: only attributes, comments or includes, which are not followed. "
            "Add text or remove the file."
        )
    return Read(written, outline)


FORMAT = built_in(kind_of("asciidoc"), 1, sniff, read)
