"""Documents become sections here, whatever their format. Pure: bytes in, values out; one module a format.

`registry` lists the formats, `detection` decides on the bytes which one a document is in, its reader leaves an outline, and
everything after that (measuring, splitting, naming) is the same for all of them. `isolation` does all of it in a bounded child
process.
"""

from __future__ import annotations

from docgraph.domain.computing import uncollected
from docgraph.domain.content_types import content_type_of
from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentTooLargeError
from docgraph.formats.assembly import Origin, assemble
from docgraph.formats.base import Source
from docgraph.formats.detection import detect, unpacked
from docgraph.formats.options import PARSE_VERSION, ParseOptions
from docgraph.formats.registry import formats

__all__ = ["PARSE_VERSION", "ParseOptions", "content_type_of", "parse"]


def parse(
    data: bytes,
    *,
    document_id: str,
    source_uri: str,
    tag: str,
    content_type: str,
    flavour: str = "",
    options: ParseOptions | None = None,
) -> ParsedDocument:
    """Read a document's bytes into sections, with links, code blocks and front matter.

    `content_type` is what the document was declared as; the bytes decide. Every section's embedded text has at most 254 word
    pieces. Places are byte offsets into the text that the format's reader left (for text formats: the canonical text of the
    bytes, UTF-8, no byte order mark, LF, NFC).

    Raises:
        UnsupportedFormatError: no reader for these bytes.
        DocumentTooLargeError: more than `options.max_bytes` bytes.
        DocumentEncodingError: not UTF-8.
        DocumentEmptyError: nothing to index.
    """
    options = options or ParseOptions()
    if len(data) > options.max_bytes:
        raise DocumentTooLargeError.of(source_uri, len(data), options.max_bytes)
    data = unpacked(data, source_uri, options.max_bytes)
    found = detect(data, formats(), content_type=content_type, source_uri=source_uri)
    with uncollected():
        read = found.format.read(data, Source(source_uri, flavour))
        origin = Origin(document_id, source_uri, tag, found.format, read.front_matter)
        return assemble(read.text, read.outline, origin, options, [*filter(None, [found.remark]), *read.warnings])
