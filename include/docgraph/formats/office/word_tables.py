"""Reads tables of Word: rows of cells with their spans filled, and which tables are only a frame for blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from docgraph.formats.office.word_styles import integer, is_on, value_of
from docgraph.formats.office.xml import W
from docgraph.formats.writer import Inline

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Cell = list[Inline]
_MAX_SPAN = 100
_MAX_CELLS = 200_000
_FIRST_ROW = 0x20


def frames_blocks(table: Element, is_heading: Callable[[Element], bool]) -> bool:
    """Tell a table that is only a box around blocks (a listing, a note), or that headings stand in, from one of data."""
    cells = [cell for row in rows_of(table) for cell in cells_in(row)]
    return len(cells) == 1 or any(is_heading(paragraph) for cell in cells for paragraph in cell.iterfind(f"{W}p"))


def cells_of(table: Element, read: Callable[[Element], Cell]) -> tuple[list[list[Cell]], int]:
    """Return a table's rows with every span filled, and how many of them are its header."""
    rows: list[list[Cell]] = []
    headers = 0
    count = 0
    is_head = True
    for row in rows_of(table):
        properties = row.find(f"{W}trPr")
        cells: list[Cell] = [[] for _ in range(_span(value_of(properties, "gridBefore"), 0))]
        for cell in cells_in(row):
            what = cell.find(f"{W}tcPr")
            content = read(cell)
            across = _span(value_of(what, "gridSpan"), 1)
            above = rows[-1][len(cells)] if rows and len(rows[-1]) > len(cells) else []
            if _goes_on(what, "vMerge"):
                content = above + content if _has_text(content) else above
            elif _goes_on(what, "hMerge") and cells:
                content = cells[-1]
            cells += [content] * across
        if not cells:
            continue
        count += len(cells)
        if count > _MAX_CELLS:
            break
        mark = properties.find(f"{W}tblHeader") if properties is not None else None
        is_head = is_head and mark is not None and is_on(mark.get(f"{W}val", "1"))
        headers += is_head
        rows.append(cells)
    return rows, headers or int(_has_first_row(table))


def rows_of(table: Element) -> list[Element]:
    """Return the rows, those in content controls included, without deleted ones."""
    found: list[Element] = []
    todo = list(reversed(table))
    while todo:
        node = todo.pop()
        if node.tag == f"{W}tr":
            if node.find(f"{W}trPr/{W}del") is None:
                found.append(node)
        elif node.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}moveTo"):
            todo += reversed(node)
    return found


def cells_in(row: Element) -> list[Element]:
    """Return the cells of a row, those in content controls included, without deleted ones."""
    found: list[Element] = []
    todo = list(reversed(row))
    while todo:
        node = todo.pop()
        if node.tag == f"{W}tc":
            if node.find(f"{W}tcPr/{W}cellDel") is None:
                found.append(node)
        elif node.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}customXml"):
            todo += reversed(node)
    return found


def _goes_on(properties: Element | None, name: str) -> bool:
    """Tell whether a cell goes on with the one above it (`vMerge`) or before it (`hMerge`)."""
    mark = properties.find(f"{W}{name}") if properties is not None else None
    return mark is not None and mark.get(f"{W}val", "continue") == "continue"


def _has_text(content: Cell) -> bool:
    return any(inline.text.strip() for inline in content)


def _span(text: str, least: int) -> int:
    number = integer(text)
    return least if number is None else max(least, min(_MAX_SPAN, number))


def _has_first_row(table: Element) -> bool:
    look = table.find(f"{W}tblPr/{W}tblLook")
    if look is None:
        return True
    if stated := look.get(f"{W}firstRow"):
        return is_on(stated)
    try:
        return bool(int(look.get(f"{W}val", "0020")[:4], 16) & _FIRST_ROW)
    except ValueError:
        return True
