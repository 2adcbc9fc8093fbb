"""Puts text in columns that is stored row by row back into the order of reading, and tells tables from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from docgraph.formats.pdf.pages import Line, Segment

_SAME = 4.0
_LEAST_ROWS = 4
_LEAST_LETTERS = 12
_LEAST_TABLE = 3


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """Return the lines of a page with rows that lie in two columns of prose taken apart, the left column first."""
    ordered: list[Line] = []
    position = 0
    while position < len(lines):
        end, gutter = _rows(lines, position)
        if end - position >= _LEAST_ROWS:
            halves = [_split(line, gutter) for line in lines[position:end]]
            ordered += [line for left, _ in halves for line in left]
            ordered += [line for _, right in halves for line in right]
            position = end
        else:
            ordered.append(lines[position])
            position += 1
    return ordered


def _rows(lines: Sequence[Line], start: int) -> tuple[int, float]:
    """Return where the rows of two columns of prose end that begin at a line, and the left edge of the right column."""
    if len(lines[start].segments) != 2:
        return start, 0.0
    gutter = lines[start].segments[1].left
    end = start
    while end < len(lines) and _fits(lines[end], gutter, lines[start]):
        end += 1
    while end > start and len(lines[end - 1].segments) != 2:
        end -= 1
    both = [line for line in lines[start:end] if len(line.segments) == 2]
    if len(both) < _LEAST_ROWS:
        return start, 0.0
    for side in (0, 1):
        pieces = [line.segments[side] for line in both]
        widest = max(piece.right - piece.left for piece in pieces)
        full = sum(piece.right - piece.left >= 0.55 * widest for piece in pieces)
        if median(len(piece.text) for piece in pieces) < _LEAST_LETTERS or full < 0.6 * len(pieces):
            return start, 0.0
    return end, gutter


def _fits(line: Line, gutter: float, first: Line) -> bool:
    if line.is_fixed or abs(line.size - first.size) > 0.5:
        return False
    if len(line.segments) == 2:
        return abs(line.segments[1].left - gutter) <= _SAME
    return not line.segments and (line.right < gutter or abs(line.left - gutter) <= _SAME)


def _split(line: Line, gutter: float) -> tuple[list[Line], list[Line]]:
    if len(line.segments) != 2:
        return ([], [line]) if line.left >= gutter - _SAME else ([line], [])
    left, right = (_line_of(line, segment) for segment in line.segments)
    left.is_broken = False
    return [left], [right]


def _line_of(line: Line, segment: Segment) -> Line:
    links = [link for link in line.links if link[0] in segment.text]
    return replace(line, text=segment.text, left=segment.left, right=segment.right, segments=(), links=links)


def table_at(lines: Sequence[Line], start: int) -> tuple[int, list[list[str]]]:
    """Return where the table ends that begins at a line, and its rows; a line that only goes on with cells joins the row above."""
    edges = [segment.left for segment in lines[start].segments]
    if len(edges) < 2:
        return start, []
    rows: list[list[str]] = []
    full = 0
    end = start
    above = lines[start]
    while end < len(lines):
        line = lines[end]
        places = _cells(line, edges)
        if places is None or line.page != above.page or not 0 < above.y - line.y + (line is above) <= 4 * line.size:
            break
        pieces = line.segments or (Segment(line.left, line.right, line.text),)
        if 0 in places and (len(places) > 1 or not rows):
            rows.append([""] * len(edges))
            full += 1
        elif not rows or (len(places) == 1 and places[0] == 0):
            break
        for place, piece in zip(places, pieces, strict=True):
            rows[-1][place] = f"{rows[-1][place]} {piece.text}".strip()
        above = line
        end += 1
    return (end, rows) if full >= _LEAST_TABLE else (start, [])


def _cells(line: Line, edges: Sequence[float]) -> list[int] | None:
    """Return the columns that the pieces of a line begin in, or None where one begins in none."""
    if line.is_fixed:
        return None
    places: list[int] = []
    for left in [segment.left for segment in line.segments] or [line.left]:
        place = next((number for number, edge in enumerate(edges) if abs(edge - left) <= _SAME), None)
        if place is None or place in places:
            return None
        places.append(place)
    return places
