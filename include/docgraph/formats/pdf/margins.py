"""Finds running heads and feet: lines in the same place of many pages that stand off from the text, and numbers of pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from docgraph.formats.pdf.pages import Line, Page

_BAND = 0.14
_SHARE = 0.5
_LEAST_PAGES = 3
_SAME = 2.0
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b", re.IGNORECASE)
_LINES_IN_BAND = 3


def without_margins(pages: Sequence[Page], body_size: float, is_heading: Callable[[Line], bool]) -> list[list[Line]]:
    """Return each page's lines without its running heads and feet."""
    heads, feet = [_outer(page, top=True) for page in pages], [_outer(page, top=False) for page in pages]
    dropped: set[int] = set()
    for edges in (heads, feet):
        dropped |= _slots(edges, pages, body_size, is_heading)
    for page, head, foot in zip(pages, heads, feet, strict=True):
        # What lies beyond the outermost line that repeats is a margin, too.
        dropped |= {id(line) for line in (*head[:1], *foot[:1]) if _is_number(line, page)}
    return [[line for line in page.lines if id(line) not in dropped] for page in pages]


def _outer(page: Page, *, top: bool) -> list[Line]:
    """Return the lines near an edge, the outermost first."""
    band = page.height * _BAND
    near = [line for line in page.lines if (line.y > page.height - band if top else line.y < band)]
    rows = sorted({round(line.y) for line in near}, reverse=top)[:_LINES_IN_BAND]
    return sorted((line for line in near if round(line.y) in rows), key=lambda line: -line.y if top else line.y)


def _slots(
    edges: Sequence[list[Line]], pages: Sequence[Page], body_size: float, is_heading: Callable[[Line], bool]
) -> set[int]:
    """Return the lines that lie where others of the same kind lie on most pages, and say what is said on others."""
    places: defaultdict[int, list[tuple[int, Line]]] = defaultdict(list)
    for number, lines in enumerate(edges):
        for line in lines:
            if line.size <= body_size * 1.3 and not is_heading(line):
                places[round(line.y / _SAME)].append((number, line))
    with_text = sum(1 for lines in edges if lines)
    dropped: set[int] = set()
    for slot in sorted(places):
        found = [*places[slot], *places.get(slot + 1, [])]
        numbers = {number for number, _ in found}
        if len(numbers) < max(_LEAST_PAGES, _SHARE * with_text / 2):
            continue
        kinds = Counter(_DIGITS.sub("#", line.text) for _, line in found)
        repeated = {kind for kind, times in kinds.items() if times >= 2}
        # Titles of slides lie in one place as well, and say something else on each.
        if sum(kinds[kind] for kind in repeated) < 0.5 * len(found):
            continue
        stands_off = [line for number, line in found if _stands_off(line, pages[number].lines)]
        if len(stands_off) >= 0.6 * len(found):
            dropped |= {id(line) for line in stands_off}
        dropped |= {
            id(line) for _, line in found if kinds[_DIGITS.sub("#", line.text)] >= max(_LEAST_PAGES, 0.3 * with_text)
        }
    return dropped


def _stands_off(line: Line, lines: Iterable[Line]) -> bool:
    """Tell whether nothing else lies near a line, but in its own row."""
    return all(abs(other.y - line.y) <= _SAME or abs(other.y - line.y) > 1.6 * line.size for other in lines)


def _is_number(line: Line, page: Page) -> bool:
    text = line.text.strip("-–— .[]|").lower()
    return text in (page.label.lower(), f"page {page.label.lower()}") and bool(text)
