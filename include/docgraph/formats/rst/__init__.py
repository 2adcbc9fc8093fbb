"""Reads reStructuredText as Sphinx publishes it: docutils parses, and Sphinx's directives and roles are understood without Sphinx.

No file that a document names is read, nothing raw is kept, no `conf.py` is run.
"""

from __future__ import annotations

import re

from docgraph.domain.content_types import kind_of
from docgraph.domain.errors import DocumentEmptyError, DocumentUnreadableError
from docgraph.formats.base import IMPOSSIBLE, LIKELY, POSSIBLE, Read, Source, built_in
from docgraph.formats.decoding import decode, sniff_text
from docgraph.formats.writer import OutlineWriter

_SAMPLE = 65_536
_MARKS = re.compile(rb"^\.\. (?:[a-z][\w:+.-]{0,40}::(?=[ \r\n])|_[^:\n]{1,80}:[ \r\n])", re.MULTILINE)
_ROLES = re.compile(rb":[a-z][\w:+.-]{0,30}:`[^`\n]")
_TITLES = re.compile(rb"^\S[^\n]{2,200}\n(?:={3,200}|-{3,200}|~{3,200}|\*{3,200}|\^{3,200})[ \r]*\n", re.MULTILINE)


def sniff(data: bytes) -> float:
    """Tell whether the bytes carry what no other format has: directives or labels, together with titles or roles."""
    if not sniff_text(data):
        return IMPOSSIBLE
    sample = data[:_SAMPLE]
    if _MARKS.search(sample) and (_TITLES.search(sample) or _ROLES.search(sample)):
        return LIKELY
    return POSSIBLE


def read(data: bytes, source: Source) -> Read:
    """Read a document.

    Raises:
        DocumentError: the bytes are no text in UTF-8, or there is none, or it is nested too deeply.
    """
    from docgraph.formats.rst.body import Body
    from docgraph.formats.rst.parsing import parsed

    text = decode(data, source.uri)
    writer = OutlineWriter()
    try:
        Body(writer, parsed(text), text, source.uri).write()
    except RecursionError as error:
        raise DocumentUnreadableError(
            f"{source.uri} is nested too deeply to be read as reStructuredText. Take out a level of lists, quotes or directives, "
            "or split it, and drop it again."
        ) from error
    written, outline = writer.read()
    if not written:
        raise DocumentEmptyError(
            f"{source.uri} has no text that a reader would see: only comments, labels or directives that show nothing. "
            "Add text or remove the file."
        )
    return Read(written, outline)


FORMAT = built_in(kind_of("rst"), 1, sniff, read)
