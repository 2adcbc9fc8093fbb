"""Turns a document's bytes into canonical text, or says why that can't be done. Knows nothing of any format."""

from __future__ import annotations

import codecs
import re

from docgraph.domain.errors import DocumentEmptyError, DocumentEncodingError, UnsupportedFormatError
from docgraph.domain.identity import canonical_text
from docgraph.formats.base import IMPOSSIBLE, POSSIBLE

_UTF16_32_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SIGNATURES = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive (or an Office document)"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x7fELF", "an ELF executable"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
_SAMPLE = 4096
_VISIBLE = re.compile(r"[^\s\x00-\x1f\u200b-\u200f\u2060\ufeff]")


def sniff_text(data: bytes) -> float:
    """Tell whether the bytes can be a text in UTF-8; that is all that can be said of plain text and of Markdown."""
    binary = b"\x00" in data[:_SAMPLE] or any(data.startswith(signature) for signature, _ in _SIGNATURES)
    return IMPOSSIBLE if binary else POSSIBLE


def decode(data: bytes, source_uri: str) -> str:
    """Return the canonical text of a document's bytes.

    Raises:
        UnsupportedFormatError: the bytes are of a known binary format, or binary.
        DocumentEncodingError: the bytes are text, but not UTF-8; the message has the offset of the first bad byte.
        DocumentEmptyError: nothing but white space.
    """
    _refuse_binary(data, source_uri)
    try:
        text = canonical_text(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentEncodingError(
            f"{source_uri} is not valid UTF-8: byte 0x{data[error.start]:02X} at offset {error.start} (line {line}), "
            f"{error.reason}; it may be Latin-1 or Windows-1252. Save it as UTF-8 and drop it again."
        ) from error
    if not _VISIBLE.search(text):
        raise DocumentEmptyError(
            f"{source_uri} is empty or has only white space ({len(data)} bytes): there is nothing to index. "
            "Add text or remove the file."
        )
    return text


def _refuse_binary(data: bytes, source_uri: str) -> None:
    for mark, name in _UTF16_32_MARKS:
        if data.startswith(mark):
            raise DocumentEncodingError(
                f"{source_uri} is {name}, not UTF-8: it starts with the byte order mark {mark.hex(' ').upper()} at offset 0. "
                "Save it as UTF-8 and drop it again."
            )
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            raise UnsupportedFormatError(
                f"{source_uri} is {name}, whatever its name says; convert it to Markdown and drop it again."
            )
    position = data.find(b"\x00")
    if position < 0:
        return
    sample = data[:_SAMPLE]
    if len(sample) >= 4 and max(sample[::2].count(0), sample[1::2].count(0)) > 0.4 * (len(sample) // 2):
        raise DocumentEncodingError(
            f"{source_uri} looks like UTF-16 without a byte order mark: a NUL byte at offset {position} and at about every "
            "second byte. Save it as UTF-8 and drop it again."
        )
    raise UnsupportedFormatError(
        f"{source_uri} is binary, not text: a NUL byte at offset {position}. Convert it to Markdown, "
        "or remove the NUL bytes, and drop it again."
    )
