"""Reads tbl(1): options, layout, rows separated by tabs, blocks of text in cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docgraph.formats.man.escapes import text_of
from docgraph.formats.man.requests import arguments

_ALTERNATING = frozenset({"BI", "BR", "IB", "IR", "RB", "RI"})
_FONTS = frozenset({"B", "I", "R", "SB", "SM"})
_MAX_COLUMNS = 200


def rows_of(lines: Sequence[str], strings: Mapping[str, str]) -> tuple[list[list[str]], int]:
    """Return the rows of a table with its spans filled, and how many of them are its header (what stands above a rule)."""
    separator, position = "\t", 0
    if lines and lines[0].rstrip().endswith(";"):
        separator, position = _separator(lines[0]), 1
    layout, position, is_titled = _layout(lines, position)
    rows: list[list[str]] = []
    headers = 0
    cells: list[str] = []
    block: list[str] | None = None
    for line in lines[position:]:
        if block is not None:
            if line.startswith("T}"):
                cells.append(" ".join(block))
                block = None
                rest = line[2:].lstrip(separator) if line[2:].startswith(separator) else ""
                if not line[2:]:
                    _add(rows, cells, layout)
                    cells = []
                    continue
                line = rest
            else:
                block.append(_words(line, strings))
                continue
        if line.strip() in ("_", "="):
            headers = headers or (len(rows) if len(rows) < 3 else 0)
            continue
        if line.startswith((".", "'")) and not line.startswith(". "):
            continue
        pieces = line.split(separator)[:_MAX_COLUMNS]
        if pieces[-1].strip() == "T{":
            cells += [_cell(piece, strings) for piece in pieces[:-1]]
            block = []
            continue
        cells += [_cell(piece, strings) for piece in pieces]
        _add(rows, cells, layout)
        cells = []
    if block:
        cells.append(" ".join(block))
    if cells:
        _add(rows, cells, layout)
    return rows, headers or int(is_titled and len(rows) > 1)


def _separator(options: str) -> str:
    place = options.find("tab")
    inside = options[place + 3 :].lstrip() if place >= 0 else ""
    return inside[1] if len(inside) > 1 and inside[0] == "(" else "\t"


def _layout(lines: Sequence[str], position: int) -> tuple[list[list[str]], int, bool]:
    """Return the kinds of the cells of each row as the layout gives them; its last row holds for all that follow.

    Where the first row alone is bold, it is the header.
    """
    layout: list[list[str]] = []
    bold: list[bool] = []
    while position < len(lines):
        line = lines[position].rstrip()
        position += 1
        for row in line.removesuffix(".").split(","):
            kinds = [word[0].lower() for word in row.replace("|", " ").split() if word[0].lower() in "lrcnas^-_="]
            if len(kinds) <= 1 and len(compact := [letter for letter in row.lower() if letter in "lrcnas^"]) > 1:
                kinds = compact
            layout.append(kinds)
            bold.append(bool(row.split()) and all("b" in word[1:].lower() for word in row.split() if word not in "|_="))
        if line.endswith("."):
            break
    return layout, position, len(bold) > 1 and bold[0] and not bold[-1]


def _add(rows: list[list[str]], cells: list[str], layout: list[list[str]]) -> None:
    kinds = layout[min(len(rows), len(layout) - 1)] if layout else []
    filled: list[str] = []
    left = list(cells)
    for column in range(max(len(kinds), len(cells))):
        kind = kinds[column] if column < len(kinds) else "l"
        above = rows[-1][column] if rows and column < len(rows[-1]) else ""
        if kind == "s":
            filled.append(filled[-1] if filled else "")
            continue
        value = left.pop(0).strip() if left else ""
        filled.append(above if kind == "^" or value == "\\^" else "" if value in ("_", "=", "\\_", "\\=") else value)
    rows.append(filled[:_MAX_COLUMNS])


def _cell(piece: str, strings: Mapping[str, str]) -> str:
    """Return a cell's text; the marks that repeat the cell above and draw rules are no text."""
    return piece.strip() if piece.strip() in ("\\^", "\\_", "\\=") else text_of(piece, strings)


def _words(line: str, strings: Mapping[str, str]) -> str:
    if not line.startswith((".", "'")):
        return text_of(line, strings)
    name, _, rest = line[1:].strip().partition(" ")
    words = [text_of(word, strings) for word in arguments(rest)]
    if name in _ALTERNATING:
        return "".join(words)
    return " ".join(words) if name in _FONTS else ""
