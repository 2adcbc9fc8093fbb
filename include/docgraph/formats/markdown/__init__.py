"""Markdown as people write it: CommonMark with GFM tables, and what MDX, MkDocs, MyST and site generators add to it.

`masking` hides from the parser what is not Markdown (ESM, comments of MDX, mathematics, admonition lines), keeping every offset;
`reader` makes the outline; `headings`, `site_links` and `footnotes` read what has rules of its own. Nothing is rendered.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from docgraph.domain.content_types import kind_of
from docgraph.formats.base import Read, Source, built_in
from docgraph.formats.decoding import decode, sniff_text
from docgraph.formats.front_matter import read_front_matter
from docgraph.formats.markdown.fences import language_of
from docgraph.formats.markdown.masking import comment_ranges, is_mdx
from docgraph.formats.markdown.reader import read_markdown

__all__ = ["FORMAT", "comment_ranges", "language_of", "read", "read_markdown"]


def read(data: bytes, source: Source) -> Read:
    """Read a Markdown document with its front matter.

    Raises:
        DocumentError: the bytes are not text in UTF-8, or there is none.
    """
    text = decode(data, source.uri)
    front = read_front_matter(text)
    # Docusaurus and Next.js read .md as MDX: imports at the top or a comment of MDX say so.
    mdx = urlsplit(source.uri).path.lower().endswith(".mdx") or is_mdx(text, front.end)
    return Read(text, read_markdown(text, front.end, mdx=mdx), front.values, front.warnings)


FORMAT = built_in(kind_of("markdown"), 6, sniff_text, read)
