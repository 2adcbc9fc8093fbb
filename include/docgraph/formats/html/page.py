"""Writes a parsed page into an outline: finds its main content, and what its head says about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import basename
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from docgraph.formats.html.chrome import main_element
from docgraph.formats.html.walker import Walker
from docgraph.formats.writer import OutlineWriter

_XHTML = re.compile(r"\s*<\?xml|[^>]{0,400}xmlns\s*=\s*[\"']http://www\.w3\.org/1999/xhtml")
_EMPTY_TAG = re.compile(r"<([A-Za-z][\w.-]*)((?:\s[^<>]*)?)/>")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_HEAD = 2048
_MAX_VALUE = 4096


def parse_page(text: str) -> LexborHTMLParser:
    """Parse a page, by the rules of HTML; what is written as XHTML may close any element at once."""
    if _XHTML.match(text[:_HEAD]) or 'xmlns="http://www.w3.org/1999/xhtml"' in text[:_HEAD]:
        text = _EMPTY_TAG.sub(_opened, text)
    return LexborHTMLParser(text)


def _opened(match: re.Match[str]) -> str:
    name, attributes = match.group(1), match.group(2)
    return match.group() if name.lower() in _VOID else f"<{name}{attributes}></{name}>"


def write_page(text: str, writer: OutlineWriter, source_uri: str) -> Mapping[str, str]:
    """Write the content of a page, and return its metadata: `description`, and `title` where none of its headings states it."""
    tree = parse_page(text)
    root, is_body = main_element(tree)
    walker = Walker(writer, basename(urlsplit(source_uri).path))
    if root is not None:
        walker.walk(root, is_body=is_body)
    if walker.is_empty and not is_body and tree.body is not None:
        walker.walk(tree.body, is_body=True)
    named = tree.css_first("head title")
    title = " ".join((named.text() if named is not None else "").split())
    description = tree.css_first("meta[name=description]")
    values = {"description": description.attributes.get("content") if description is not None else None}
    if writer.title is None and title:
        writer.title = title
    if not any(heading in title for heading in walker.headings):
        values["title"] = title
    return {
        name: value.strip() for name, value in values.items() if value and value.strip() and len(value) <= _MAX_VALUE
    }
