"""Tells HTML by its first tags."""

from __future__ import annotations

import codecs
import re

from docgraph.formats.base import CERTAIN, IMPOSSIBLE, LIKELY, Sniffer
from docgraph.formats.decoding import sniff_text

_SAMPLE = 8192
#: What may stand in front of the first tag: white space, comments, an XML declaration.
_BEFORE = re.compile(rb"\s+|<!--.*?-->|<\?xml[^>]*>", re.DOTALL)
_MARK = re.compile(rb"<!doctype\s+html\b|<html[\s>]", re.IGNORECASE)
_OPENING = re.compile(rb"<(?:head|body|meta|title|link)[\s>]", re.IGNORECASE)
_TEXT: Sniffer = sniff_text


def sniff(data: bytes) -> float:
    """Tell whether the bytes begin as a page does."""
    sample = data[:_SAMPLE]
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if sample.startswith(mark) and not sample.startswith(codecs.BOM_UTF32_LE):
            sample = sample[2:].decode(name, "replace").encode()
            return max(_score(sample), IMPOSSIBLE)
    possible = _TEXT(data)
    return possible and max(possible, _score(sample.removeprefix(codecs.BOM_UTF8)))


def _score(sample: bytes) -> float:
    position = 0
    while (before := _BEFORE.match(sample, position)) is not None:
        position = before.end()
    if _MARK.match(sample, position):
        return CERTAIN
    return LIKELY if _OPENING.match(sample, position) else IMPOSSIBLE
