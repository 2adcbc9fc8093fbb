"""Finds GFM tables as markdown-it does, and leaves one token a row in place of three a cell.

Of a table the outline needs its lines, and the cells in which a link may stand. markdown-it makes tokens of every cell and fills
short rows with empty ones, so that a kilobyte of text can become a megabyte of tokens; and a reader that looks at the row once
for each of its cells takes quadratic time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import MAX_AUTOCOMPLETED_CELLS, getLine
from markdown_it.rules_block.table import table as find_table
from markdown_it.token import Token

ROW = "table_row"
#: A pipe behind a backslash is a character of its cell.
_BORDER = re.compile(r"(?<!\\)\|")
#: A link has one of these.
_LINK_SIGN = re.compile(r"[\[<{]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell in which a link may stand: its range in what is parsed, and its inline Markdown."""

    start: int
    end: int
    source: str


def table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Take a table that begins at the line `first`: a rule for markdown-it's parser of blocks."""
    if not find_table(state, first, last, True):
        return False
    if silent:
        return True
    around, state.parentType = state.parentType, "table"
    opening = state.push("table_open", "table", 1)
    header = mdTrim(getLine(state, first))
    width, missing = _width(header), 0
    _push_row(state, first, header, width)
    terminators = state.md.block.ruler.getRules("blockquote")
    line = first + 2
    # What ends a table is asked in markdown-it's order, its limit on the cells that rows lack included.
    while line < last and state.sCount[line] >= state.blkIndent:
        if any(rule(state, line, last, True) for rule in terminators):
            break
        row = mdTrim(getLine(state, line))
        if not row or state.is_code_block(line):
            break
        missing += width - _width(row)
        if missing > MAX_AUTOCOMPLETED_CELLS:
            break
        _push_row(state, line, row, width)
        line += 1
    opening.map = [first, line]
    state.push("table_close", "table", -1)
    state.parentType = around
    state.line = line
    return True


def cells_of(row: Token) -> list[Cell]:
    """Return the cells of a row in which a link may stand."""
    found: list[Cell] = row.meta["cells"]
    return found


def _width(row: str) -> int:
    """Return how many cells a row has: pipes at its ends are no borders."""
    return 1 + len(_BORDER.findall(row)) - row.startswith("|") - (row.endswith("|") and not row.endswith("\\|"))


def _push_row(state: StateBlock, line: int, row: str, width: int) -> None:
    token = state.push(ROW, "tr", 0)
    token.map = [line, line + 1]
    cells: list[Cell] = []
    if _LINK_SIGN.search(row):
        begin = state.src.index(row, state.bMarks[line] + state.tShift[line])
        start = begin + row.startswith("|")
        for _ in range(width):
            border = _BORDER.search(row, start - begin)
            end = begin + (border.start() if border else len(row))
            source = state.src[start:end]
            if _LINK_SIGN.search(source):
                cells.append(Cell(start, end, mdTrim(source.replace("\\|", "|"))))
            if border is None:
                break
            start = end + 1
    token.meta = {"cells": cells}
