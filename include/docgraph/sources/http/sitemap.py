"""Sitemaps and indexes of sitemaps (sitemaps.org), read with Python's own parser.

A document type is refused before anything is made of it: entities, which can grow without bound or read files, are declared
nowhere else. Elements of other vocabularies (images, videos, languages) are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_SEPARATOR = " "
_ITEMS = {"urlset": "url", "sitemapindex": "sitemap"}
#: Depth of `loc` and `lastmod`; nothing that is deeper is read, and what is nested beyond belief is refused.
_FIELD_DEPTH, _MAX_DEPTH = 3, 64
_MAX_FIELD_CHARACTERS = 4096


class SitemapError(ValueError):
    """It is no sitemap; the message is a clause that follows the list's address."""


@dataclass(slots=True)
class Item:
    """One `url` or `sitemap` element."""

    line: int
    loc: str = ""
    lastmod: str = ""


@dataclass(slots=True)
class Sitemap:
    """What a sitemap says; `is_index` where its items are sitemaps."""

    is_index: bool = False
    items: list[Item] = field(default_factory=list)


def read_sitemap(text: str, max_items: int) -> Sitemap:
    """Read a sitemap or an index; one item more than `max_items` is read at most.

    Raises:
        SitemapError: it isn't well-formed, has a document type, or is something else.
    """
    reader = _Reader(max_items)
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise SitemapError(f"is not well-formed XML ({error})") from error
    except _EnoughError:
        pass
    return reader.sitemap


class _EnoughError(Exception):
    """More items were read than are wanted."""


class _Reader:
    def __init__(self, max_items: int) -> None:
        self.sitemap = Sitemap()
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._max = max_items
        self._depth = 0
        self._item = ""
        self._namespace = ""
        self._field = ""

    def _doctype(self, name: str, *_: object) -> None:
        if name.lower() == "html":
            raise SitemapError("is a page of HTML and no list; correct the address")
        raise SitemapError("declares a document type, which no sitemap does and docgraph doesn't read")

    def _start(self, name: str, _: object) -> None:
        namespace, _, local = name.rpartition(_SEPARATOR)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise SitemapError(f"nests elements more than {_MAX_DEPTH} deep, which no sitemap does")
        self._field = ""
        if self._depth == 1:
            self._item, self._namespace = _ITEMS.get(local, ""), namespace
            if not self._item:
                raise SitemapError(f"is XML with the root {local[:40]!r} and no sitemap; correct the address")
            self.sitemap.is_index = local == "sitemapindex"
        elif namespace == self._namespace and self._depth == _FIELD_DEPTH - 1 and local == self._item:
            if len(self.sitemap.items) > self._max:
                raise _EnoughError
            self.sitemap.items.append(Item(self.parser.CurrentLineNumber))
        elif namespace == self._namespace and self._depth == _FIELD_DEPTH and local in {"loc", "lastmod"}:
            self._field = local if self.sitemap.items else ""

    def _end(self, _: str) -> None:
        self._depth -= 1
        self._field = ""

    def _text(self, data: str) -> None:
        if not self._field or self._depth != _FIELD_DEPTH:
            return
        item = self.sitemap.items[-1]
        # One character more than is allowed shows later that it is too long.
        room = _MAX_FIELD_CHARACTERS - len(getattr(item, self._field))
        setattr(item, self._field, getattr(item, self._field) + data[: max(room, 0)])
