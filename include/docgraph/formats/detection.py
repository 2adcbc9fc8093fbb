"""Decides on the bytes which format a document is in; what was declared and what its name says are hints.

A mark in the bytes (`%PDF-`, the members of an archive) outweighs every declaration. Where there is none, the declared type
holds unless its format says that the bytes can't be it, then the name's ending, then the format that the first lines look most
like. What was decided against a declaration is said with the document.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from docgraph.domain.errors import DocumentTooLargeError, UnsupportedFormatError
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, LIKELY, Format

#: Raise it when the rules below decide differently about the same bytes.
DETECTION_VERSION = 1
_GZIP = b"\x1f\x8b\x08"
#: Declared types that say nothing about the format.
_UNSPECIFIC = frozenset({"", "application/octet-stream", "text/plain", "application/zip", "application/gzip"})


@dataclass(frozen=True, slots=True)
class Detected:
    """The format of a document; `remark` says where the bytes disagree with what was declared."""

    format: Format
    remark: str = ""


def detect(data: bytes, formats: Mapping[str, Format], *, content_type: str, source_uri: str) -> Detected:
    """Return the format of a document's bytes.

    Raises:
        UnsupportedFormatError: no format can be read from these bytes.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    declared = _declared(formats, media_type)
    named = _named(formats, source_uri)
    scores = {each.name: each.sniff(data) for each in formats.values()}
    chosen = _choose(formats, scores, declared, named)
    if chosen is None:
        raise UnsupportedFormatError(
            f"{source_uri} is {content_type or 'of no known type'}, for which no reader exists (known: "
            f"{', '.join(extension for each in formats.values() for extension in each.extensions)}), and its bytes look like "
            "none of these; convert it to Markdown and drop it again."
        )
    hint = declared if declared and media_type not in _UNSPECIFIC else named
    if hint is not None and hint.name != chosen.name:
        said = f"declared as {media_type}" if hint is declared else f"named as {hint.name}"
        return Detected(
            chosen, f"The document is {said}, but its bytes are {chosen.name}: it was read as {chosen.name}."
        )
    if hint is None and media_type not in _UNSPECIFIC and declared is None:
        return Detected(
            chosen, f"No reader is known for {media_type}: it was read as {chosen.name}, which its bytes can be."
        )
    return Detected(chosen)


def _choose(
    formats: Mapping[str, Format], scores: Mapping[str, float], declared: Format | None, named: Format | None
) -> Format | None:
    best = max(formats.values(), key=lambda each: scores[each.name])
    if scores[best.name] >= CERTAIN:
        return best
    hints = [each for each in (declared, named) if each and scores[each.name] > IMPOSSIBLE]
    # That something is plain text is what is said of files of which nothing is known.
    specific = [each for each in hints if each.media_type not in _UNSPECIFIC]
    if specific:
        return specific[0]
    if scores[best.name] >= LIKELY:
        return best
    # Where the bytes can be none of what was said, the reader says best what they are.
    return next(iter(hints), declared or named)


def unpacked(data: bytes, source_uri: str, max_bytes: int) -> bytes:
    """Return the bytes of a gzip-compressed file (manuals are often packed so), and others as they are.

    Raises:
        DocumentTooLargeError: more than `max_bytes` when unpacked.
        UnsupportedFormatError: the compressed data is damaged.
    """
    if not data.startswith(_GZIP):
        return data
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise UnsupportedFormatError(
            f"{source_uri} is a gzip file that can't be unpacked ({error}); pack it again or drop it unpacked."
        ) from error
    if len(content) > max_bytes:
        raise DocumentTooLargeError(
            f"{source_uri} has more than {max_bytes:,} bytes when unpacked, the limit; split the document, or raise "
            "limits.max_document_bytes in config/ingest.yaml."
        )
    if not unpacker.eof:
        raise UnsupportedFormatError(f"{source_uri} is a gzip file that ends too early; pack it again.")
    return content


def _declared(formats: Mapping[str, Format], media_type: str) -> Format | None:
    return next((each for each in formats.values() if media_type in (each.media_type, *each.aliases)), None)


def _named(formats: Mapping[str, Format], source_uri: str) -> Format | None:
    name = unquote(urlsplit(source_uri).path).lower().removesuffix(".gz")
    ending = [(len(e), each) for each in formats.values() for e in each.extensions if name.endswith(e)]
    return max(ending, key=lambda found: found[0])[1] if ending else None
