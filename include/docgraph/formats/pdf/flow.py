"""Joins lines to what they were before they were set: paragraphs, lists, code, tables."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from docgraph.formats.pdf.columns import table_at
from docgraph.formats.pdf.pages import Line, is_of_contents
from docgraph.formats.writer import Inline, Item, OutlineWriter

_BULLET = re.compile(r"([•◦▪‣·∙○●■□◆▸►*–—-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)])\s+(?=\S)")
_SIGNS = "•◦▪‣·∙○●■□◆▸►*–—-"
_ALONE = re.compile(r"[•◦▪‣·∙○●■□◆▸►]$")
_ENDED = re.compile(r"[.:!?;][)\"'”’»\]]*$")
_WORD_END = re.compile(r"[^\W\d_]+-?$")
_WORD_START = re.compile(r"[^\W\d_]+")
#: Each pair of parts of such words, those of "up-to-date" both.
_HYPHENATED = re.compile(r"(?<![^\W\d_])(?=([^\W\d_]+-[^\W\d_]+))")
_MAX_BLANK = 2
_MAX_WORD = 80
_LOOSE = 1.35


class Flow:
    """Writes the lines of a document, section by section."""

    def __init__(self, writer: OutlineWriter, lines: Sequence[Line]) -> None:
        """Learn from all lines how far they stand apart, and which words are written with a hyphen."""
        self._writer = writer
        self._leading = _leadings(lines)
        self._hyphenated = Counter(
            match[1].casefold() for line in lines if "-" in line.text for match in _HYPHENATED.finditer(line.text)
        )
        self._paragraph: list[Line] = []
        self._code: list[Line] = []
        self._items: list[tuple[float, str, list[Line]]] = []

    def write(self, lines: Sequence[Line]) -> None:
        """Write lines that stand between two headings or places."""
        lines = [line for line in lines if not is_of_contents(line.text)]
        position = 0
        while position < len(lines):
            line = lines[position]
            if len(line.segments) > 1 and not line.is_fixed:
                end, rows = table_at(lines, position)
                if rows:
                    self.flush()
                    self._writer.table(rows)
                    position = end
                    continue
            self._take(line, lines[position + 1] if position + 1 < len(lines) else None)
            position += 1

    def flush(self) -> None:
        """Write what was being joined."""
        if self._paragraph:
            self._writer.paragraph(self._joined(self._paragraph))
            self._paragraph = []
        if self._items:
            self._write_items()
        if self._code:
            self._writer.code(_code_text(self._code, self._leading))
            self._code = []

    def _take(self, line: Line, following: Line | None) -> None:
        if line.is_fixed and not self._is_end_of_prose(line):
            if not self._code or not _same_block(self._code[-1], line):
                self.flush()
            self._code.append(line)
            return
        if self._code:
            self.flush()
        marker = _BULLET.match(line.text)
        if _ALONE.match(line.text) and following is not None and abs(following.y - line.y) <= line.size:
            marker = None
            self._begin_item(line, line.text, [])
        elif marker and self._begins_item(line, marker[1]):
            rest = _without_start(line, marker.end())
            self._begin_item(line, marker[1], [rest])
        elif self._items and self._goes_on_with_item(line):
            self._items[-1][2].append(line)
        elif self._paragraph and self._goes_on(self._paragraph[-1], line, self._paragraph):
            self._paragraph.append(line)
        else:
            self.flush()
            self._paragraph = [line]

    def _is_end_of_prose(self, line: Line) -> bool:
        """Tell the last words of a paragraph, which happen to be code, from a block of code."""
        above = (
            self._paragraph[-1]
            if self._paragraph
            else (self._items[-1][2][-1] if self._items and self._items[-1][2] else None)
        )
        return (
            above is not None
            and above.page == line.page
            and abs(above.left - line.left) < 0.5
            and abs(above.size - line.size) < 0.6
            and not _ENDED.search(above.text[-_MAX_WORD:])
            and 0 < above.y - line.y <= self._leading.get(round(above.size, 1), 1.2 * above.size) * 1.1
        )

    def _begins_item(self, line: Line, marker: str) -> bool:
        """Tell an item of a list from a line of prose that begins with a dash or a number."""
        if marker in _SIGNS and marker not in "*–—-":
            return True
        if self._items:
            return self._items[-1][0] - line.left < 200
        return not self._paragraph or not self._goes_on(self._paragraph[-1], line, self._paragraph)

    def _begin_item(self, line: Line, marker: str, lines: list[Line]) -> None:
        if not self._items:
            self.flush()
        self._items.append((line.left, marker, lines))

    def _goes_on_with_item(self, line: Line) -> bool:
        left, _, lines = self._items[-1]
        if not lines:
            return True
        before = lines[-1]
        if line.page != before.page:
            return not _ENDED.search(before.text[-_MAX_WORD:]) and line.text[:1].islower()
        step = before.y - line.y
        is_near = -1 <= step <= self._leading.get(round(before.size, 1), 1.2 * before.size) * _LOOSE
        return is_near and line.left > left + 2 and abs(line.size - before.size) < 1

    def _goes_on(self, before: Line, line: Line, paragraph: Sequence[Line]) -> bool:
        """Tell whether a line belongs to the paragraph of the line before it."""
        is_open = before.is_broken or (not _ENDED.search(before.text[-_MAX_WORD:]) and line.text[:1].islower())
        if abs(line.size - before.size) > 0.8 and not abs(line.y - before.y) < 2:
            return False
        if line.page != before.page or line.y > before.y + 2:
            return is_open
        step = before.y - line.y
        leading = self._leading.get(round(before.size, 1), 1.2 * before.size)
        if step > leading * _LOOSE:
            return False
        if step < 1:
            return True
        if before.is_bold != line.is_bold and len(paragraph) == 1 and before.is_bold and before.right < line.right - 40:
            # A label on a line of its own.
            return False
        is_indented = line.left > paragraph[-1].left + 0.8 * line.size and len(paragraph) > 1
        return not (is_indented and _ENDED.search(before.text[-_MAX_WORD:]))

    def _joined(self, lines: Sequence[Line]) -> list[Inline]:
        """Join lines to running text: words that were broken at the end of a line become whole again."""
        inlines: list[Inline] = []
        for number, line in enumerate(lines):
            pieces = _linked(line)
            following = lines[number + 1] if number + 1 < len(lines) else None
            if following is None:
                inlines += pieces
                continue
            glue = " "
            if line.is_broken:
                glue = "-" if self._keeps_hyphen(line.text, following.text) else ""
            elif (
                line.text.endswith("-")
                and len(line.text) > 1
                and line.text[-2].isalpha()
                and following.text[:1].islower()
            ):
                if not self._keeps_hyphen(line.text[:-1], following.text):
                    pieces[-1] = Inline(pieces[-1].text[:-1], pieces[-1].href)
                glue = ""
            elif (
                line.text.endswith(("/", "—")) and not line.text.endswith((" /", " —")) and following.text[:1].isalnum()
            ):
                glue = ""
            inlines += [*pieces, Inline(glue)] if glue else pieces
        return inlines

    def _keeps_hyphen(self, before: str, after: str) -> bool:
        """Tell a word that is written with a hyphen elsewhere in the document from one that was only broken."""
        start, end = _WORD_END.search(before[-_MAX_WORD:]), _WORD_START.match(after)
        if start is None or end is None or before.removesuffix(start[0]).endswith("-"):
            return True
        return f"{start[0]}-{end[0]}".casefold() in self._hyphenated

    def _write_items(self) -> None:
        lefts = sorted({float(round(left)) for left, _, _ in self._items})
        steps: list[float] = []
        for left in lefts:
            if not steps or left - steps[-1] > 4:
                steps.append(left)
        items = []
        for left, marker, lines in self._items:
            depth = max(number for number, step in enumerate(steps) if round(left) >= step)
            items.append(Item(tuple(self._joined(lines)), depth, "-" if marker in _SIGNS else marker))
        self._items = []
        self._writer.items(items)


def _without_start(line: Line, count: int) -> Line:
    line.text = line.text[count:]
    return line


def _linked(line: Line) -> list[Inline]:
    """Cut a line at its links."""
    places: list[tuple[int, int, str]] = []
    for words, target in line.links:
        start = line.text.find(words)
        while start >= 0 and any(start < end and begin < start + len(words) for begin, end, _ in places):
            start = line.text.find(words, start + 1)
        if start >= 0:
            places.append((start, start + len(words), target))
    inlines: list[Inline] = []
    position = 0
    for start, end, target in sorted(places):
        inlines += [Inline(line.text[position:start]), Inline(line.text[start:end], target)]
        position = end
    return [*(each for each in inlines if each.text), Inline(line.text[position:])]


def _leadings(lines: Sequence[Line]) -> dict[float, float]:
    """Return the usual distance of base lines by size of letters."""
    steps: dict[float, list[float]] = {}
    for before, line in itertools.pairwise(lines):
        step = before.y - line.y
        if (
            before.page == line.page
            and abs(before.size - line.size) < 0.05
            and 0.5 * line.size < step < 2.2 * line.size
        ):
            steps.setdefault(round(line.size, 1), []).append(step)
    return {size: median(found) for size, found in steps.items() if len(found) >= 3}


def _same_block(before: Line, line: Line) -> bool:
    if abs(before.size - line.size) > 0.3:
        return False
    return line.page != before.page or 0 < before.y - line.y <= 3.2 * line.size


def _code_text(lines: Sequence[Line], leadings: dict[float, float]) -> str:
    """Write lines of code with the blanks and empty lines that only their places tell."""
    pitch = next((line.pitch for line in lines if line.pitch > 0), 0.6 * lines[0].size)
    lefts = {
        page: min(line.words[0][0] for line in lines if line.page == page and line.words)
        for page in {line.page for line in lines}
    }
    leading = leadings.get(round(lines[0].size, 1), 1.2 * lines[0].size)
    around = min(lefts.values())
    written: list[str] = []
    before: Line | None = None
    for line in lines:
        if before is not None and before.page == line.page:
            blank = round((before.y - line.y) / leading) - 1
            written += [""] * max(0, min(_MAX_BLANK, blank))
        text = ""
        # Margins of even and odd pages may differ.
        left = lefts[line.page] if abs(lefts[line.page] - around) > 8 * pitch else around
        for x, word in line.words:
            column = round((x - left) / (line.pitch or pitch))
            text = text.ljust(max(column, len(text) + 1 if text else 0)) + word
        written.append(text)
        before = line
    return "\n".join(written)
