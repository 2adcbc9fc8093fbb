"""Documents become sections here, whatever their format. Pure: bytes in, values out; one module a format.

A format is a line in `FORMATS`: its extensions, its content types and a reader from canonical text to an outline.
Everything after that (measuring, splitting, naming) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentTooLargeError, UnsupportedFormatError
from docgraph.formats.assembly import Origin, assemble
from docgraph.formats.decoding import decode
from docgraph.formats.front_matter import FrontMatter, read_front_matter
from docgraph.formats.markdown import read_markdown
from docgraph.formats.options import PARSE_VERSION, ParseOptions
from docgraph.formats.outline import Outline
from docgraph.formats.plain_text import read_plain_text

__all__ = ["FORMATS", "PARSE_VERSION", "Format", "ParseOptions", "content_type_of", "parse"]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: `read` takes canonical text, the offset to begin at, and the source's address."""

    content_type: str
    extensions: tuple[str, ...]
    read: Callable[[str, int, str], Outline]
    aliases: tuple[str, ...] = ()
    has_front_matter: bool = False


def _read_markdown(text: str, start: int, source_uri: str) -> Outline:
    return read_markdown(text, start, mdx=urlsplit(source_uri).path.lower().endswith(".mdx"))


def _read_plain_text(text: str, start: int, source_uri: str) -> Outline:
    del source_uri
    return read_plain_text(text, start)


FORMATS: tuple[Format, ...] = (
    Format(
        "text/markdown",
        (".md", ".markdown", ".mdx"),
        _read_markdown,
        aliases=("text/x-markdown", "text/mdx"),
        has_front_matter=True,
    ),
    Format("text/plain", (".txt",), _read_plain_text),
)


def content_type_of(name: str) -> str | None:
    """Return the content type of a file by its extension, or None where no reader exists."""
    lowered = name.lower()
    return next((f.content_type for f in FORMATS if lowered.endswith(f.extensions)), None)


def parse(
    data: bytes, *, document_id: str, source_uri: str, tag: str, content_type: str, options: ParseOptions | None = None
) -> ParsedDocument:
    """Read a document's bytes into sections, with links, code blocks and front matter.

    Every section's embedded text has at most 254 word pieces. Places are byte offsets into the canonical text (UTF-8, no
    byte order mark, LF, NFC).

    Raises:
        UnsupportedFormatError: no reader for the content type, or the bytes are binary.
        DocumentTooLargeError: more than `options.max_bytes` bytes.
        DocumentEncodingError: not UTF-8.
        DocumentEmptyError: nothing to index.
    """
    options = options or ParseOptions()
    reader = _format(content_type, source_uri)
    if len(data) > options.max_bytes:
        raise DocumentTooLargeError(
            f"{source_uri} has {len(data):,} bytes, more than the limit of {options.max_bytes:,}; split the document, or raise "
            "limits.max_document_bytes in config/ingest.yaml."
        )
    text = decode(data, source_uri)
    front = read_front_matter(text) if reader.has_front_matter else FrontMatter({}, 0)
    outline = reader.read(text, front.end, source_uri)
    origin = Origin(document_id, source_uri, tag, reader.content_type, front.values)
    return assemble(text, outline, origin, options, front.warnings)


def _format(content_type: str, source_uri: str) -> Format:
    plain = content_type.partition(";")[0].strip().lower()
    for candidate in FORMATS:
        if plain == candidate.content_type or plain in candidate.aliases:
            return candidate
    known = ", ".join(extension for candidate in FORMATS for extension in candidate.extensions)
    raise UnsupportedFormatError(
        f"{source_uri} is {content_type or 'of no known type'}, for which no reader exists (known: {known}); "
        "convert it to Markdown and drop it again."
    )
