"""Reads PDF with pdfium: text in the order of reading, headings from the outline or the letters' size. Nothing in it is run."""

from __future__ import annotations

from docgraph.domain.content_types import kind_of
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, Read, Source, built_in

_MARK = b"%PDF-"
#: Viewers look for the mark in so many bytes; some printers write theirs in front of it.
_HEAD = 1024
#: What points to the table of objects, in the last so many bytes.
_END, _TAIL = b"startxref", 4096


def sniff(data: bytes) -> float:
    """Tell whether the bytes are a PDF: they begin with its mark, or hold it a little later and end as one.

    A text that speaks of the mark in its first lines is none.
    """
    if data.lstrip()[: len(_MARK)] == _MARK:
        return CERTAIN
    return CERTAIN if _MARK in data[:_HEAD] and _END in data[-_TAIL:] else IMPOSSIBLE


def read(data: bytes, source: Source) -> Read:
    """Read a PDF.

    Raises:
        DocumentUnreadableError: it is encrypted or damaged, or its pages are pictures without text.
    """
    from docgraph.formats.pdf.reader import read_pdf

    return read_pdf(data, source)


FORMAT = built_in(kind_of("pdf"), 1, sniff, read)
