"""Reads tables: rows of cells with their spans filled, and which tables are only a frame for blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from docgraph.formats.html.chrome import Attributes, classes_of, is_left_out
from docgraph.formats.html.elements import HEADINGS
from docgraph.formats.writer import Inline

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

Cell = list[Inline]

_LAYOUT_CLASSES = frozenset({"highlighttable", "rouge-table", "linenotable", "syntaxhighlighter", "layout"})
_MAX_ROWSPAN = 1_000
_MAX_COLSPAN = 100
_MAX_CELLS = 200_000
_GROUPS = frozenset({"tbody", "tfoot", "thead"})


def with_blocks(root: LexborNode) -> frozenset[int]:
    """Return the ids of the tables below `root` in which headings, other tables or code of several lines stand.

    In one pass over all of them: to look into each table for the tables in it takes quadratic time where they are nested.
    """
    found: set[int] = set()
    # The tables around a node from the outermost on, each with whether a block of code is open in it.
    around: list[tuple[int, bool]] = []
    todo: list[LexborNode | None] = [root.first_child]
    leaving: list[tuple[str, LexborNode]] = []
    while todo or leaving:
        node = todo.pop() if todo else None
        if node is None:
            if not leaving:
                break
            tag, left = leaving.pop()
            if tag == "table":
                around.pop()
            elif tag == "pre" and around:
                around[-1] = (around[-1][0], False)
            todo.append(left.next)
            continue
        tag = (node.tag or "") if node.is_element_node else ""
        if around and (tag in HEADINGS or tag == "table" or _is_code_of_lines(node, tag, is_open=around[-1][1])):
            # Those around one that was found are found already.
            for identifier, _ in reversed(around):
                if identifier in found:
                    break
                found.add(identifier)
        if tag == "table":
            around.append((node.mem_id, False))
        elif tag == "pre" and around and not around[-1][1]:
            around[-1] = (around[-1][0], True)
        else:
            tag = ""
        leaving.append((tag, node))
        todo.append(node.first_child)
    return frozenset(found)


def _is_code_of_lines(node: LexborNode, tag: str, *, is_open: bool) -> bool:
    return tag == "pre" and not is_open and "\n" in node.text().strip("\n")


def is_layout(table: LexborNode, with_blocks: Collection[int]) -> bool:
    """Tell a table that frames blocks (code beside line numbers, notes with a picture, whole pages) from one of data.

    `with_blocks` are the ids of the tables that have blocks in them.
    """
    attributes = table.attributes
    if attributes.get("role") in ("none", "presentation") or not _LAYOUT_CLASSES.isdisjoint(classes_of(attributes)):
        return True
    parent = table.parent
    if parent is not None and "admonitionblock" in classes_of(parent.attributes):
        return True
    return table.mem_id in with_blocks


def rows_of(table: LexborNode, read: Callable[[LexborNode], Cell]) -> tuple[Cell, list[list[Cell]], int]:
    """Return a table's caption, its rows with every span filled, and how many of them are its header."""
    caption: Cell = []
    rows: list[list[Cell]] = []
    headers = 0
    is_head = True
    spans: dict[int, tuple[int, Cell]] = {}
    count = 0
    for row, in_head in _rows(table, caption, read):
        cells: list[Cell] = []
        named = True
        for cell, tag, attributes in row:
            _fill(cells, spans)
            content = read(cell)
            named = named and (tag == "th" or not content)
            down, across = _span(attributes, "rowspan", _MAX_ROWSPAN), _span(attributes, "colspan", _MAX_COLSPAN)
            for _ in range(across):
                if down > 1:
                    spans[len(cells)] = (down - 1, content)
                cells.append(content)
        _fill(cells, spans)
        if not cells:
            continue
        count += len(cells)
        if count > _MAX_CELLS:
            break
        is_head = is_head and (in_head or (named and headers < 3))
        headers += is_head
        rows.append(cells)
    return caption, _trimmed(rows), headers if headers < len(rows) else min(headers, 1)


def _trimmed(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Drop columns at the end that only spans reach into, as those of `colspan=99` for "all that there are"."""
    width = max(map(len, rows), default=0)
    while width > 1 and all(len(row) < width or row[width - 1] is row[width - 2] for row in rows):
        width -= 1
    return [row[:width] for row in rows]


def _fill(cells: list[Cell], spans: dict[int, tuple[int, Cell]]) -> None:
    """Write the cells that reach down from rows above."""
    while (reaching := spans.get(len(cells))) is not None:
        left, content = reaching
        if left > 1:
            spans[len(cells)] = (left - 1, content)
        else:
            del spans[len(cells)]
        cells.append(content)


def _span(attributes: Attributes, name: str, most: int) -> int:
    value = (attributes.get(name) or "").strip()
    return min(max(int(value), 1), most) if value.isdecimal() and len(value) < 8 else 1


def _rows(
    table: LexborNode, caption: Cell, read: Callable[[LexborNode], Cell]
) -> Iterator[tuple[list[tuple[LexborNode, str, Attributes]], bool]]:
    for child in _children(table):
        if child.tag == "caption":
            caption += read(child)
        elif child.tag == "tr":
            yield _cells(child), False
        elif child.tag in _GROUPS:
            for row in _children(child):
                if row.tag == "tr":
                    yield _cells(row), child.tag == "thead"


def _cells(row: LexborNode) -> list[tuple[LexborNode, str, Attributes]]:
    return [(cell, cell.tag or "", cell.attributes) for cell in _children(row) if cell.tag in ("td", "th")]


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        if child.is_element_node:
            attributes = child.attributes
            if not is_left_out(child.tag or "", attributes, classes_of(attributes)):
                yield child
        child = child.next
