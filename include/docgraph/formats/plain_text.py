"""Reads plain text into an outline: paragraphs between blank lines, no headings."""

from __future__ import annotations

import re
from functools import partial

from docgraph.domain.content_types import kind_of
from docgraph.formats.base import Read, Source, built_in
from docgraph.formats.decoding import decode, sniff_text
from docgraph.formats.outline import Anatomy, Block, Break, Outline, OutlineSection, Rank, earliest, trimmed
from docgraph.formats.sentences import sentence_starts

_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def read(data: bytes, source: Source) -> Read:
    """Read a plain text.

    Raises:
        DocumentError: the bytes are not text in UTF-8, or there is none.
    """
    text = decode(data, source.uri)
    return Read(text, read_plain_text(text))


def read_plain_text(text: str, start: int = 0) -> Outline:
    """Read the paragraphs of a text from the offset `start` on."""
    section = OutlineSection(0, (), "", start)
    position = start
    for gap in [*_BLANK_LINES.finditer(text, start), None]:
        left, right = trimmed(text, position, gap.start() if gap else len(text))
        if left < right:
            leads_in = text[right - 1] == ":"
            section.blocks.append(Block(left, right, partial(_anatomy, text, left, right), leads_in=leads_in))
        position = gap.end() if gap else right
    return Outline(None, (section,))


def _anatomy(text: str, start: int, end: int) -> Anatomy:
    breaks = [Break(offset, Rank.SENTENCE) for offset in sentence_starts(text, start, end)]
    breaks += [Break(start + match.end(), Rank.WRAPPED_LINE) for match in re.finditer(r"\n", text[start:end])]
    return Anatomy(earliest(found for found in breaks if start < found.offset < end))


FORMAT = built_in(kind_of("plain-text"), 1, sniff_text, read)
