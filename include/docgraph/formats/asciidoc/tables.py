"""Reads tables: cells behind bars, CSV and cells between colons, with spans filled."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

_SPEC = re.compile(
    r"(?:(?<=\s)|^)(?:(\d{1,4})?(?:\.(\d{1,4}))?([*+]))?(?:[<^>](?:\.[<^>])?|\.[<^>])?([adehlmsv])?(?<!\\)\||(?<!\\)\|"
)
_MAX_COLUMNS = 100
_MAX_CELLS = 200_000


def rows_of(lines: list[str], named: dict[str, str], options: set[str], sign: str) -> tuple[list[list[str]], int]:
    """Return the rows of a table, and how many of them are its header."""
    kind = named.get("format", {",": "csv", ":": "dsv"}.get(sign, "psv"))
    columns = _columns(named.get("cols", ""))
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    begins_at_once = first == 0 and bool(lines)
    has_rule = begins_at_once and len(lines) > 1 and not lines[1].strip()
    is_header = "header" in options or (has_rule and "noheader" not in options and len(lines) > 2)
    if kind in ("csv", "tsv", "dsv"):
        delimiter = {"csv": ",", "tsv": "\t", "dsv": ":"}[kind]
        given = named.get("separator", "")
        rows = _separated(lines, given if len(given) == 1 else delimiter)
    else:
        separator = "!" if sign == "!" else named.get("separator", "|")
        rows = _barred(lines, columns, separator if len(separator) == 1 else "|")
    return rows, int(is_header and bool(rows))


def _columns(said: str) -> int:
    count = 0
    for part in re.split(r"[,;]", said.strip()) if said.strip() else ():
        times = re.match(r"\s*(\d{1,3})\*", part)
        count += int(times[1]) if times else 1
    return min(count, _MAX_COLUMNS)


def _separated(lines: list[str], delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader([f"{line}\n" for line in lines], delimiter=delimiter, skipinitialspace=True):
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
    except csv.Error:
        return [[line] for line in lines if line.strip()]
    return rows


def _barred(lines: list[str], columns: int, separator: str) -> list[list[str]]:
    if separator != "|":
        lines = [line.replace("|", "\\|").replace(separator, "|") for line in lines]
    if not columns:
        first = next((line for line in lines if line.strip()), "")
        columns = min(sum(_times(cell) for cell in _SPEC.finditer(first)), _MAX_COLUMNS) or 1
    rows: list[list[str]] = []
    row: list[str] = []
    spans: dict[int, tuple[int, str]] = {}
    count = 0
    for across, down, text in _cells(lines):
        row += _reaching(spans, len(row))
        for _ in range(min(across, columns - len(row)) or 1):
            if down > 1:
                spans[len(row)] = (down - 1, text)
            row.append(text)
        row += _reaching(spans, len(row))
        if len(row) >= columns:
            rows.append(row[:columns])
            count += columns
            row = []
            if count > _MAX_CELLS:
                break
    if row:
        rows.append([*row, *[""] * (columns - len(row))])
    return rows


def _reaching(spans: dict[int, tuple[int, str]], column: int) -> list[str]:
    """Return the cells that reach down from rows above at a column."""
    found: list[str] = []
    while column + len(found) in spans:
        place = column + len(found)
        left, text = spans.pop(place)
        found.append(text)
        if left > 1:
            # Entered behind the loop, so that this row takes it once.
            spans[-place - 1] = (left - 1, text)
    for place in [key for key in spans if key < 0]:
        spans[-place - 1] = spans.pop(place)
    return found


def _times(cell: re.Match[str]) -> int:
    return int(cell[1] or 1) if cell[3] else 1


def _cells(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield each cell: how many columns and rows it spans, and its text."""
    text = "\n".join(lines)
    before: re.Match[str] | None = None
    start = 0
    for found in _SPEC.finditer(text):
        if before is not None:
            yield from _cell(before, text[start : found.start()])
        before, start = found, found.end()
    if before is not None:
        yield from _cell(before, text[start:])


def _cell(found: re.Match[str], text: str) -> Iterator[tuple[int, int, str]]:
    words = " ".join(
        line.strip() for line in text.replace("\\|", "|").split("\n") if line.strip() and not line.startswith("//")
    )
    if found[4] == "a":
        words = re.sub(r"(?:^|(?<= ))(?:\*{1,5}|-|----|\+)(?: |$)", "", words)
    if found[3] == "*":
        for _ in range(min(int(found[1] or 1), _MAX_COLUMNS)):
            yield 1, 1, words
    elif found[3] == "+":
        yield min(int(found[1] or 1), _MAX_COLUMNS), min(int(found[2] or 1), 1_000), words
    else:
        yield 1, 1, words
