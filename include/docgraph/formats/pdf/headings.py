"""Finds the headings of a PDF: the entries of its outline on their pages, or else lines that are set larger than the text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from docgraph.formats.pdf.pages import Entry, Line, Page

_NUMBER = re.compile(
    r"(?:(?:chapter|appendix|part|section)\s+)?(?:\d{1,3}|[A-Z]|[IVX]{1,5})(?:\.\d{1,3})*[.:)]?\s+", re.IGNORECASE
)
_COUNTED = re.compile(r"(\d{1,3}(?:\.\d{1,3})*)\.?\s+\S")
_NO_LETTERS = re.compile(r"[\W_]+")
#: A line or two of their own above the title.
_CHAPTER = re.compile(r"(?:chapter|appendix|part)\s+\S{1,12}", re.IGNORECASE)
_MAX_LINES = 4
_MAX_HEADING = 200
_LARGER = 1.15
_MAX_LEVELS = 3
_MAX_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level from 1 on, its text, and how many lines it takes (0: it stands in none)."""

    level: int
    text: str
    lines: int


def by_outline(outline: Sequence[Entry], pages: Sequence[Page]) -> dict[int, list[tuple[int, Heading]]]:
    """Return the outline's entries by page, each with the number of the line that it begins at."""
    found: dict[int, list[tuple[int, Heading]]] = {}
    keys: dict[int, list[_Keys]] = {}
    used: defaultdict[int, set[int]] = defaultdict(set)
    for entry in outline:
        if not 0 <= entry.page < len(pages):
            continue
        lines = pages[entry.page].lines
        if entry.page not in keys:
            keys[entry.page] = [_keys(line.text) for line in lines]
        at, count, number = _place(entry, lines, keys[entry.page], used[entry.page])
        used[entry.page].update(range(at, at + count))
        found.setdefault(entry.page, []).append((at, Heading(entry.level, f"{number} {entry.title}".strip(), count)))
    for taken in found.values():
        taken.sort(key=lambda each: each[0])
    return found


def _place(entry: Entry, lines: Sequence[Line], keys: Sequence[_Keys], used: set[int]) -> tuple[int, int, str]:
    """Return where an entry's title is printed, in how many lines, and the number in front of it; else where the outline leads to."""
    wanted = _key(entry.title)
    best: tuple[float, int, int, str] | None = None
    for start, first in enumerate(lines):
        number = keys[start].number if keys[start].tail and wanted.startswith(keys[start].tail) else ""
        if start in used or not (number or wanted.startswith(keys[start].whole)):
            continue
        key = ""
        for count, line in enumerate(lines[start : start + _MAX_LINES], start=1):
            key += keys[start].tail if number and count == 1 else keys[start + count - 1].whole
            if abs(line.size - first.size) > 0.5 or not wanted.startswith(key):
                break
            if key != wanted:
                continue
            distance = abs((entry.y or first.y) - first.y) + (0 if entry.y is None or first.y <= entry.y + 4 else 200)
            # Running heads and cross-references say the title too, but in smaller letters.
            rank = distance - 20 * first.size
            if best is None or rank < best[0]:
                best = rank, start, count, number
    if best is not None:
        _, start, count, number = best
        for above in (1, 2):
            chapter = " ".join(line.text for line in lines[max(0, start - above) : start])
            if used.isdisjoint(range(start - above, start)) and _CHAPTER.fullmatch(chapter):
                return start - above, count + above, chapter
        return start, count, number
    below = (number for number, line in enumerate(lines) if entry.y is not None and line.y <= entry.y)
    return (0 if entry.y is None else next(below, len(lines))), 0, ""


@dataclass(frozen=True, slots=True)
class _Keys:
    """The key of a line, and where it begins with a number that number and the key of the rest."""

    whole: str
    number: str = ""
    tail: str = ""


def _keys(text: str) -> _Keys:
    number = _NUMBER.match(text)
    return _Keys(_key(text), number[0].strip(), _key(text[number.end() :])) if number else _Keys(_key(text))


def _key(text: str) -> str:
    """Return what two ways of writing a title have in common."""
    return _NO_LETTERS.sub("", text.casefold()) or text.strip()


def by_fonts(pages: Sequence[Sequence[Line]], body_size: float) -> dict[int, list[tuple[int, Heading]]]:
    """Return lines that are set larger than the text, or bold with a number, as headings by page."""
    letters = Counter[float]()
    for lines in pages:
        for line in lines:
            letters[round(line.size, 1)] += len(line.text)
    total = letters.total() or 1
    large = {size for size, count in letters.items() if size > body_size * _LARGER and count <= _MAX_SHARE * total}
    found: dict[int, list[tuple[int, list[Line]]]] = defaultdict(list)
    for number, lines in enumerate(pages):
        for at, line in enumerate(lines):
            if not _may_be_heading(line, large):
                continue
            open_heading = found[number][-1] if found[number] else None
            if (
                open_heading is not None
                and at == open_heading[0] + len(open_heading[1])
                and round(line.size, 1) == round(open_heading[1][-1].size, 1)
                and 0 < open_heading[1][-1].y - line.y <= 1.6 * line.size
                and not _COUNTED.match(line.text)
                and len(open_heading[1]) < _MAX_LINES
            ):
                open_heading[1].append(line)
            else:
                found[number].append((at, [line]))
    levels = _levels([lines for taken in found.values() for _, lines in taken])
    return {
        number: [
            (at, Heading(_level(lines, levels), " ".join(line.text for line in lines), len(lines)))
            for at, lines in taken
        ]
        for number, taken in found.items()
    }


def _may_be_heading(line: Line, large: set[float]) -> bool:
    if line.is_fixed or len(line.text) > _MAX_HEADING or not any(each.isalpha() for each in line.text):
        return False
    if round(line.size, 1) in large:
        return True
    return line.is_bold and not line.segments and re.match(r"\d{1,3}(\.\d{1,3})+\.?\s+[^\W\d]", line.text) is not None


def _levels(headings: Sequence[Sequence[Line]]) -> dict[float, int]:
    """Give each size a level: the depth of the numbers in headings of it, else one below the next larger."""
    depths: defaultdict[float, Counter[int]] = defaultdict(Counter)
    for lines in headings:
        size = round(lines[0].size, 1)
        number = _COUNTED.match(lines[0].text)
        depths[size][number[1].count(".") + 1 if number else 0] += 1
    levels: dict[float, int] = {}
    above = 0
    for size in sorted(depths, reverse=True):
        counted = [(times, -depth) for depth, times in depths[size].items() if depth]
        above = -max(counted)[1] if counted else min(above + 1, max(_MAX_LEVELS, above))
        levels[size] = above
    return levels


def _level(lines: Sequence[Line], levels: dict[float, int]) -> int:
    number = _COUNTED.match(lines[0].text)
    return number[1].count(".") + 1 if number else levels[round(lines[0].size, 1)]
