"""Reads tables: those that are written as lists or as CSV, and docutils' trees of all of them, with spans filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from docutils import nodes
from docutils.parsers.rst.directives import flag, nonnegative_int, single_char_or_unicode, unchanged
from docutils.parsers.rst.directives import single_char_or_whitespace_or_unicode as any_char
from docutils.parsers.rst.directives.tables import CSVTable, ListTable
from docutils.utils import SystemMessagePropagation

from docgraph.formats.writer import Inline

Cell = list[Inline]
_MAX_SPAN = 1_000
_MAX_CELLS = 200_000
_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "header-rows": nonnegative_int,
    "header": unchanged,
    "delim": any_char,
    "keepspace": lambda _value: flag(None),
    "quote": single_char_or_unicode,
    "escape": single_char_or_unicode,
}
#: Tables whose rows stand somewhere else: nothing is read.
_ELSEWHERE = frozenset({"file", "url"})


def read_table(directive: Any, options: Mapping[str, str], block: Any) -> list[Any]:
    """Return the table of a `list-table` or `csv-table`, or nothing where its rows are somewhere else or no table."""
    if _ELSEWHERE & options.keys():
        return []
    known: dict[str, Any] = {}
    for name, value in options.items():
        if name in _OPTIONS:
            try:
                known[name] = _OPTIONS[name](value)
            except (ValueError, TypeError):
                # A table with an option that can't be is still a table.
                continue
    kind = ListTable if directive.name.lower() == "list-table" else CSVTable
    without = {name: value for name, value in known.items() if name != "header-rows"}
    for chosen in (known, without):
        table = kind(
            directive.name, [], chosen, block, directive.lineno, directive.content_offset, directive.block_text,
            directive.state, directive.state_machine,
        )  # fmt: skip
        try:
            made: list[Any] = table.run()
        except SystemMessagePropagation:
            continue
        found = [node for node in made if isinstance(node, nodes.table)]
        if found:
            return found
    return []


def rows_of(table: Any, read: Callable[[Any], Cell]) -> tuple[list[list[Cell]], int]:
    """Return a table's rows with every span filled, and how many of them are its header."""
    rows: list[list[Cell]] = []
    headers = count = 0
    spans: dict[int, tuple[int, Cell]] = {}
    for row, is_head in _rows(table):
        cells: list[Cell] = []
        for cell in row.children:
            _fill(cells, spans)
            content = read(cell)
            down = min(cell.get("morerows", 0), _MAX_SPAN)
            for _ in range(min(cell.get("morecols", 0), _MAX_SPAN) + 1):
                if down:
                    spans[len(cells)] = (down, content)
                cells.append(content)
        _fill(cells, spans)
        count += len(cells)
        if count > _MAX_CELLS:
            break
        headers += is_head
        rows.append(cells)
    return rows, headers


def _rows(table: Any) -> Iterator[tuple[Any, bool]]:
    for group in table.children:
        for part in group.children if isinstance(group, nodes.tgroup) else ():
            if isinstance(part, nodes.thead | nodes.tbody):
                for row in part.children:
                    yield row, isinstance(part, nodes.thead)


def _fill(cells: list[Cell], spans: dict[int, tuple[int, Cell]]) -> None:
    while (reaching := spans.get(len(cells))) is not None:
        left, content = reaching
        if left > 1:
            spans[len(cells)] = (left - 1, content)
        else:
            del spans[len(cells)]
        cells.append(content)


def is_layout(table: Any) -> bool:
    """Tell a table that holds blocks (code, tables) from one of data."""
    return any("\n" in block.astext() for block in table.findall(nodes.literal_block)) or any(
        inner is not table for inner in table.findall(nodes.table)
    )
