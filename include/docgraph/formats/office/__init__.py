"""Reads documents of Word and PowerPoint as they are stored since 2007: XML parts in a ZIP archive, read without any Office program."""

from __future__ import annotations

from docgraph.domain.content_types import kind_of
from docgraph.formats.archive import member_names
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, Read, Source, built_in

_CONTENT_TYPES = "[Content_Types].xml"


def _sniff(data: bytes, prefix: str) -> float:
    names = member_names(data)
    has_part = any(name.startswith(prefix) and name.endswith(".xml") for name in names)
    return CERTAIN if has_part and _CONTENT_TYPES in names else IMPOSSIBLE


def sniff_word(data: bytes) -> float:
    """Tell whether the bytes are a package with the main part of a Word document."""
    return _sniff(data, "word/document")


def sniff_slides(data: bytes) -> float:
    """Tell whether the bytes are a package with the main part of a presentation."""
    return _sniff(data, "ppt/presentation")


def _read_word(data: bytes, source: Source) -> Read:
    from docgraph.formats.office.word import read_word

    return read_word(data, source)


def _read_slides(data: bytes, source: Source) -> Read:
    from docgraph.formats.office.slides import read_slides

    return read_slides(data, source)


DOCX = built_in(kind_of("docx"), 1, sniff_word, _read_word)
PPTX = built_in(kind_of("pptx"), 1, sniff_slides, _read_slides)
