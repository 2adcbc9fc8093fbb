"""Writes the canonical text of a document whose own bytes are no readable text (HTML, PDF, Office …), and its outline with it.

The text is what people and models read: paragraphs, fenced code, pipe tables, lists. It is never parsed again: headings, anchors,
code and links go into the outline as they are written, so nothing has to be escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

from docgraph.domain.identity import canonical_text
from docgraph.formats.anchors import AnchorBook
from docgraph.formats.outline import (
    Anatomy,
    Block,
    Break,
    Drop,
    FoundCode,
    FoundLink,
    Outline,
    OutlineSection,
    Rank,
    Wrapper,
    earliest,
)
from docgraph.formats.sentences import sentence_starts

_MAX_WARNINGS = 20
_LEAD_IN = re.compile(r":[*_`\"')\]]{0,3}$")


@dataclass(frozen=True, slots=True)
class Inline:
    """A piece of running text; `href` where it is a link."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list at a depth from 0 on; `marker` is written in front of it, and one without a marker goes on with the item above."""

    inlines: tuple[Inline, ...]
    depth: int = 0
    marker: str = "-"


class OutlineWriter:
    """Takes a document block by block, in reading order, and builds text and outline.

    White space inside running text is folded to single spaces; code keeps every character.
    """

    def __init__(self) -> None:
        """Begin with an empty document."""
        self._pieces: list[str] = []
        self._length = 0
        self._sections = [OutlineSection(0, (), "", 0)]
        self._path: list[tuple[int, str]] = []
        self._anchors = AnchorBook()
        self._warnings: list[str] = []
        self._where = ""
        self.title: str | None = None

    def place(self, where: str) -> None:
        """Say where in the source the blocks that follow stand, such as `page 12` or `slide 3`."""
        self._where = where

    def warn(self, message: str) -> None:
        """Record something that a person should know about the document."""
        self._warnings.append(message)

    def heading(
        self, level: int, text: str, anchor: str = "", *, links: Sequence[Inline] = (), slug: bool = True
    ) -> None:
        """Open the section of a heading (`level` from 1 on).

        Without `anchor` one is made from the text, as GitHub does; not without `slug`, which is for sources whose anchors are
        all written down.
        """
        name = _folded(text)
        self._path = [(depth, heading) for depth, heading in self._path if depth < level]
        if name:
            self._path.append((level, name))
        start, end = self._put(name) if name else (self._length, self._length)
        block = Block(start, end, partial(_prose_anatomy, name, start)) if name else None
        self._sections.append(
            OutlineSection(
                level,
                tuple(heading for _, heading in self._path),
                self._anchors.take(anchor or name, given=bool(anchor)) if anchor or slug else "",
                start,
                block,
                where=self._where,
            )
        )
        if self.title is None and level == 1 and name:
            self.title = name
        self._sections[-1].links.extend(FoundLink(start, link.href, _folded(link.text)) for link in links if link.href)

    def paragraph(self, inlines: Sequence[Inline] | str, *, leads_in: bool = False) -> None:
        """Add running text; with `leads_in` it belongs to the block after it, as a term does to its definition."""
        pieces = [Inline(inlines)] if isinstance(inlines, str) else list(inlines)
        text, links = _run(pieces)
        if text:
            start, end = self._put(text)
            self._add(
                Block(
                    start, end, partial(_prose_anatomy, text, start), leads_in=leads_in or bool(_LEAD_IN.search(text))
                )
            )
            self._link(start, links)

    def code(self, source: str, language: str = "") -> None:
        """Add a block of code, every character of it; it is written between fences and split at blank lines."""
        source = canonical_text(source).strip("\n")
        if not source.strip():
            return
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", source)), default=0))
        opening = f"{fence}{language}"
        start, end = self._put(f"{opening}\n{source}\n{fence}")
        lines = source.split("\n")
        offsets = [start + len(opening) + 1]
        for line in lines[:-1]:
            offsets.append(offsets[-1] + len(line) + 1)
        self._add(Block(start, end, partial(_code_anatomy, tuple(lines), tuple(offsets), start, end, opening, fence)))
        self._sections[-1].code.append(FoundCode(language.lower(), tuple(zip(offsets, lines, strict=True))))

    def link(self, href: str) -> None:
        """Record a link that shows no text of its own, such as a page in a table of contents that is named by its file."""
        self._sections[-1].links.append(FoundLink(self._length, href, ""))

    def items(self, items: Sequence[Item]) -> None:
        """Add a list: one line an item, indented by its depth."""
        lines: list[str] = []
        links: list[tuple[int, Inline]] = []
        position = 0
        starts: list[tuple[int, int]] = []
        for item in items:
            text, found = _run(item.inlines)
            if not text:
                continue
            prefix = f"{'  ' * item.depth}{item.marker} " if item.marker else "  " * (item.depth + 1)
            starts.append((position, item.depth if item.marker else item.depth + 1))
            links += [(position + len(prefix) + offset, link) for offset, link in found]
            lines.append(prefix + text)
            position += len(lines[-1]) + 1
        if lines:
            body = "\n".join(lines)
            start, end = self._put(body)
            self._add(Block(start, end, partial(_list_anatomy, tuple(starts), body, start)))
            self._link(start, links)

    def table(
        self,
        rows: Sequence[Sequence[str | Sequence[Inline]]],
        *,
        headers: int = 1,
        caption: Sequence[Inline] | str = "",
    ) -> None:
        """Add a table whose spans are filled already; the first `headers` rows are repeated above each part of a split table.

        Several header rows are joined to one. Cells keep no line breaks.
        """
        if caption:
            self.paragraph(caption)
        width = max((len(row) for row in rows), default=0)
        made = [[_cell(cell) for cell in [*row, *[""] * (width - len(row))]] for row in rows]
        made = [row for row in made if any(text for text, _ in row)]
        if not made:
            return
        cells = [[text for text, _ in row] for row in made]
        headers = min(headers, len(cells))
        head = [" ".join(dict.fromkeys(filter(None, column))) for column in zip(*cells[:headers], strict=True)]
        lines = [_row(head or [""] * width), _row(["---"] * width), *(_row(row) for row in cells[headers:])]
        start, end = self._put("\n".join(lines))
        opening = "\n".join(lines[:2])
        lengths = tuple(map(len, lines))
        self._add(Block(start, end, partial(_table_anatomy, lengths, start, end, opening)))
        # The rows of the header are one line, and the rule below it has no row.
        offsets = [start, *(start + offset for offset in accumulate(length + 1 for length in lengths))]
        for number, row in enumerate(made):
            offset = start if number < headers else offsets[number - headers + 2]
            for link in (link for _, links in row for link in links):
                self._sections[-1].links.append(FoundLink(offset, link.href, _folded(link.text)))

    def include(self, text: str, outline: Outline, *, as_sections: bool = True, at_own_level: bool = False) -> None:
        """Write a text with the outline that its own reader left of it, below the heading that is open.

        Its highest heading comes right below the open one, or with `at_own_level` all come where their levels say (the cells of a
        notebook are one document); without `as_sections` headings are text of the open section.
        """
        offset, _ = self._put(text)
        around = self._path[-1][0] if self._path else 0
        highest = min((section.level for section in outline.sections if section.level), default=1)
        for found in outline.sections:
            if found.level and as_sections:
                level = found.level if at_own_level else around + 1 + found.level - highest
                self._open(found, level, offset, numbered=at_own_level)
            elif found.heading is not None:
                self._add(_shifted(found.heading, offset))
            for block in found.blocks:
                self._add(_shifted(block, offset))
            section = self._sections[-1]
            section.links.extend(FoundLink(offset + link.offset, link.reference, link.text) for link in found.links)
            section.code.extend(
                FoundCode(code.language, tuple((offset + place, line) for place, line in code.lines))
                for code in found.code
            )
        self._warnings.extend(outline.warnings)

    def _open(self, found: OutlineSection, level: int, offset: int, *, numbered: bool) -> None:
        """Open the section of a heading that stands in the text already."""
        self._path = [(depth, heading) for depth, heading in self._path if depth < level]
        if found.heading is not None and found.heading_path:
            self._path.append((level, found.heading_path[-1]))
        heading = _shifted(found.heading, offset) if found.heading is not None else None
        path = tuple(name for _, name in self._path)
        # Anchors of one text are told apart already; those of several are only here.
        anchor = self._anchors.take(found.anchor, given=not numbered)
        self._sections.append(OutlineSection(level, path, anchor, offset + found.start, heading, where=self._where))

    def read(self) -> tuple[str, Outline]:
        """Return the text that was written and its outline."""
        return "".join(self._pieces), Outline(
            self.title, tuple(self._sections), tuple(dict.fromkeys(self._warnings))[:_MAX_WARNINGS]
        )

    def _put(self, text: str) -> tuple[int, int]:
        if self._pieces:
            self._pieces.append("\n\n")
            self._length += 2
        start = self._length
        self._pieces.append(text)
        self._length += len(text)
        return start, self._length

    def _add(self, block: Block) -> None:
        section = self._sections[-1]
        if not section.blocks and not section.heading:
            section.start = block.start
            section.where = section.where or self._where
        section.blocks.append(block)

    def _link(self, start: int, links: Sequence[tuple[int, Inline]]) -> None:
        self._sections[-1].links.extend(
            FoundLink(start + offset, link.href, _folded(link.text)) for offset, link in links
        )


def _shifted(block: Block, offset: int) -> Block:
    drops = tuple(Drop(offset + drop.start, offset + drop.end, drop.replacement) for drop in block.drops)
    anatomy = partial(_shifted_anatomy, block.anatomy, offset)
    return replace(block, start=offset + block.start, end=offset + block.end, anatomy=anatomy, drops=drops)


def _shifted_anatomy(anatomy: Callable[[], Anatomy], offset: int) -> Anatomy:
    found = anatomy()
    return Anatomy(
        tuple(Break(offset + each.offset, each.rank) for each in found.breaks),
        tuple(Wrapper(offset + w.start, offset + w.end, w.opening, w.closing, w.joint) for w in found.wrappers),
    )


def _folded(text: str) -> str:
    return " ".join(canonical_text(text).split())


def _cell(cell: str | Sequence[Inline]) -> tuple[str, list[Inline]]:
    if isinstance(cell, str):
        return _folded(cell).replace("|", "\\|"), []
    text, links = _run(cell)
    return text.replace("\n", " ").replace("|", "\\|"), [link for _, link in links]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _run(inlines: Sequence[Inline]) -> tuple[str, list[tuple[int, Inline]]]:
    """Return running text with folded white space, and each link with the offset of its text."""
    text = ""
    links: list[tuple[int, Inline]] = []
    for inline in inlines:
        piece = re.sub(r"\s+", " ", canonical_text(inline.text))
        if text.endswith(" ") or not text:
            piece = piece.lstrip(" ")
        if inline.href:
            links.append((len(text), inline))
        text += piece
    return text.rstrip(), links


def _prose_anatomy(text: str, start: int) -> Anatomy:
    return Anatomy(
        tuple(Break(start + offset, Rank.SENTENCE) for offset in sentence_starts(text, 0, len(text)) if offset)
    )


def _code_anatomy(
    lines: tuple[str, ...], offsets: tuple[int, ...], start: int, end: int, opening: str, fence: str
) -> Anatomy:
    breaks = []
    for before, line, offset in zip(lines, lines[1:], offsets[1:], strict=False):
        if not before.strip():
            breaks.append(Break(offset, Rank.GROUP))
        else:
            breaks.append(Break(offset, Rank.LINE if line[:1].isspace() else Rank.SENTENCE))
    return Anatomy(tuple(breaks), (Wrapper(start, end, opening, fence),))


def _list_anatomy(starts: tuple[tuple[int, int], ...], body: str, start: int) -> Anatomy:
    breaks = [Break(start + offset, Rank.NESTED if depth else Rank.ITEM) for offset, depth in starts if offset]
    breaks += [Break(start + offset, Rank.SENTENCE) for offset in sentence_starts(body, 0, len(body)) if offset]
    return Anatomy(earliest(breaks))


def _table_anatomy(lengths: tuple[int, ...], start: int, end: int, opening: str) -> Anatomy:
    breaks, position = [], start
    for number, length in enumerate(lengths):
        if number > 2:
            breaks.append(Break(position, Rank.GROUP))
        position += length + 1
    return Anatomy(tuple(breaks), (Wrapper(start, end, opening, ""),))
