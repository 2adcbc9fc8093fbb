"""HTML and components inside Markdown: their headings are headings, their tags are no text, what their attributes say is."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docgraph.formats.outline import Anatomy, Break, Drop, Rank, Wrapper, earliest

_HEADING = re.compile(
    r"<h(?P<level>[1-6])\b(?P<attributes>[^<>]{0,500})>|^[ \t]{0,3}(?P<marks>\#{1,6})(?P<glued>(?P<gap>[ \t]+)[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING_END = re.compile(r"</h([1-6])\s*>", re.IGNORECASE)
_MAX_HEADING, _MAX_GLUED = 2_000, 1_000
_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]{0,60})((?:\s[^<>]{0,2000})?)/?>")
_WHOLE = re.compile(r"<(script|style)\b", re.IGNORECASE)
_WHOLE_END = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in ("script", "style")}
_SAID = re.compile(
    r"\b(?:alt|title|label|caption|summary|description|heading)\s*=\s*(?:\"([^\"<>]{1,300})\"|'([^'<>]{1,300})')"
)
_ID = re.compile(r"\b(?:id|name)\s*=\s*[\"']([^\"'\s<>]{1,200})[\"']")
_LINE_END = re.compile(r"\n")
#: A table with tables in it is cut as one whose rows are those of all of them, up to the first end.
_TABLE = re.compile(r"<table\b.*?(?:</table\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ROW = re.compile(r"<tr\b[^<>]{0,500}>(?:\s|<[^<>]{0,500}>)*", re.IGNORECASE)
_HEADER_CELL = re.compile(r"<th\b[^<>]{0,500}>", re.IGNORECASE)
_HEADER_CELL_END = re.compile(r"</th\s*>", re.IGNORECASE)
_MAX_HEADER_CELL = 500
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
    ends: dict[str, list[tuple[int, int]]] = {}
    for closing in _HEADING_END.finditer(text, start, end):
        ends.setdefault(closing[1], []).append(closing.span())
    position = start
    while match := _HEADING.search(text, position, end):
        position = match.start() + 1
        if match["marks"]:
            if len(match["glued"]) > 1 and len(match["glued"]) - len(match["gap"]) <= _MAX_GLUED:
                position = match.end()
                yield EmbeddedHeading(match.start(), match.end(), len(match["marks"]), match["glued"].strip(), "")
        elif closed := _first_from(ends.get(match["level"], []), match.end(), _MAX_HEADING):
            position = closed[1]
            inner = text[match.end() : closed[0]]
            given = _ID.search(match["attributes"]) or _ID.search(inner)
            name = " ".join(_TAG.sub(" ", inner).split())
            yield EmbeddedHeading(match.start(), closed[1], int(match["level"]), name, given[1] if given else "")


def _first_from(ranges: Sequence[tuple[int, int]], offset: int, most: int) -> tuple[int, int] | None:
    """Return the first of the ranges (in order) that begins at the offset or at most so many characters behind it."""
    index = bisect_left(ranges, (offset, 0))
    return ranges[index] if index < len(ranges) and ranges[index][0] - offset <= most else None


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
    ends = [closing.span() for closing in _HEADER_CELL_END.finditer(text, start, end)]
    cells: list[str] = []
    position = start
    while ends and (opening := _HEADER_CELL.search(text, position, end)):
        closed = _first_from(ends, opening.end(), _MAX_HEADER_CELL)
        position = closed[1] if closed else opening.start() + 1
        if closed:
            cells.append(" ".join(_TAG.sub(" ", text[opening.end() : closed[0]]).split()))
    return " | ".join(cell for cell in cells if cell)


def tag_drops(text: str, start: int, end: int) -> Iterator[Drop]:
    """Yield what is left out of a block of HTML: its tags, in whose place stands what their attributes say to a reader."""
    position, endless = start, set[str]()
    while len(endless) < len(_WHOLE_END) and (opening := _WHOLE.search(text, position, end)):
        name = opening[1].lower()
        closing = None if name in endless else _WHOLE_END[name].search(text, opening.end(), end)
        position = closing.end() if closing else opening.end()
        if closing:
            yield Drop(opening.start(), closing.end())
        else:
            # None of its kind is closed from here on.
            endless.add(name)
    for match in _TAG.finditer(text, start, end):
        said = " ".join(a or b for a, b in _SAID.findall(match[3]))
        if not said and match[2].lower() in _APART and text[match.start() - 1 : match.start()].strip():
            said = " "
        yield Drop(match.start(), match.end(), said)
