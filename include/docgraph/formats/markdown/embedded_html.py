"""HTML and components inside Markdown: their headings are headings, their tags are no text, what their attributes say is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docgraph.formats.outline import Anatomy, Break, Drop, Rank, Wrapper, earliest

_HEADING = re.compile(
    r"<h(?P<level>[1-6])\b(?P<attributes>[^<>]{0,500})>(?P<name>.{0,2000}?)</h(?P=level)\s*>"
    r"|^[ \t]{0,3}(?P<marks>\#{1,6})[ \t]+(?P<glued>[^\n]{1,1000})$",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]{0,60})((?:\s[^<>]{0,2000})?)/?>")
_WHOLE = re.compile(r"<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_SAID = re.compile(
    r"\b(?:alt|title|label|caption|summary|description|heading)\s*=\s*(?:\"([^\"<>]{1,300})\"|'([^'<>]{1,300})')"
)
_ID = re.compile(r"\b(?:id|name)\s*=\s*[\"']([^\"'\s<>]{1,200})[\"']")
_LINE_END = re.compile(r"\n")
#: A table with tables in it is cut as one whose rows are those of all of them, up to the first end.
_TABLE = re.compile(r"<table\b.*?(?:</table\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ROW = re.compile(r"<tr\b[^<>]{0,500}>(?:\s|<[^<>]{0,500}>)*", re.IGNORECASE)
_HEADER_CELL = re.compile(r"<th\b[^<>]{0,500}>(.{0,500}?)</th\s*>", re.DOTALL | re.IGNORECASE)
_APART = frozenset({"br", "td", "th", "li", "p", "div", "tr", "dt", "dd", "summary"})


@dataclass(frozen=True, slots=True)
class EmbeddedHeading:
    """A heading inside a block of HTML, with its range, its words and the id that it carries."""

    start: int
    end: int
    level: int
    name: str
    anchor: str


def embedded_headings(text: str, start: int, end: int) -> Iterator[EmbeddedHeading]:
    """Yield the headings in a block of HTML; a Markdown heading glued to a component's tag is one, too."""
    for match in _HEADING.finditer(text, start, end):
        if match["marks"]:
            yield EmbeddedHeading(match.start(), match.end(), len(match["marks"]), match["glued"].strip(), "")
        else:
            given = _ID.search(match["attributes"]) or _ID.search(match["name"])
            name = " ".join(_TAG.sub(" ", match["name"]).split())
            yield EmbeddedHeading(match.start(), match.end(), int(match["level"]), name, given[1] if given else "")


def html_anatomy(text: str, start: int, end: int) -> Anatomy:
    """Return where a block of HTML may be cut: between the rows of its tables, whose parts repeat the header, and between lines."""
    breaks = [Break(match.end(), Rank.LINE) for match in _LINE_END.finditer(text, start, end)]
    wrappers: list[Wrapper] = []
    for table in _TABLE.finditer(text, start, end):
        rows = list(_ROW.finditer(text, table.start(), table.end()))
        # A cut stands in front of a row's words: what is only tags and line breaks is no text.
        breaks += (Break(row.end(), Rank.GROUP) for row in rows[1:])
        if len(rows) > 1 and (header := _header(text, rows[0].start(), rows[1].start())):
            wrappers.append(Wrapper(rows[0].start(), table.end(), header, ""))
    return Anatomy(earliest(each for each in breaks if start < each.offset < end), tuple(wrappers))


def _header(text: str, start: int, end: int) -> str:
    cells = (" ".join(_TAG.sub(" ", match[1]).split()) for match in _HEADER_CELL.finditer(text, start, end))
    return " | ".join(cell for cell in cells if cell)


def tag_drops(text: str, start: int, end: int) -> Iterator[Drop]:
    """Yield what is left out of a block of HTML: its tags, in whose place stands what their attributes say to a reader."""
    for match in _WHOLE.finditer(text, start, end):
        yield Drop(match.start(), match.end())
    for match in _TAG.finditer(text, start, end):
        said = " ".join(a or b for a, b in _SAID.findall(match[3]))
        if not said and match[2].lower() in _APART and text[match.start() - 1 : match.start()].strip():
            said = " "
        yield Drop(match.start(), match.end(), said)
