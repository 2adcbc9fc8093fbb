"""Footnotes: a note is read in the section that refers to it, wherever it is written.

To the parser the line that begins a note (`[^1]: …`) looks like an item of a list, which holds what is indented by four columns, as a
note does.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from docgraph.formats.outline import Block, FoundCode, FoundLink, OutlineSection

DEFINITION = re.compile(r"^ {0,3}(\[\^([^\[\]\s]{1,100})\]:)(?=[ \t]|$)", re.MULTILINE)
_REFERENCE = re.compile(r"\[\^([^\[\]\s]{1,100})\](?!:)")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)[^`\n]{1,500}(?<!`)\1(?!`)")
#: The marker of the items: not the usual one, so that a list in front of notes stays another list; narrow, so that a note that is
#: indented itself still holds what is indented by four columns.
MARKER = "+ "


@dataclass(frozen=True, slots=True)
class Note:
    """A note's block with its links and code, which are in the section where it is written until `place` moves them."""

    label: str
    written_in: OutlineSection
    block: Block
    links: tuple[FoundLink, ...] = ()
    code: tuple[FoundCode, ...] = ()


def place(
    notes: Sequence[Note], sections: Sequence[OutlineSection], text: str, fenced: Sequence[tuple[int, int]]
) -> None:
    """Move each note to the end of the first section that refers to it; one that none refers to stays where it is written.

    `fenced` are the ranges of code at the margin, in which nothing refers to a note.
    """
    holders = _first_references(notes, sections, text, fenced) if notes else {}
    homes = [(note, holders.get(note.label.casefold(), note.written_in)) for note in notes]
    moved = [(note, home) for note, home in homes if home is not note.written_in]
    gone = {id(each) for note, _ in moved for each in (note.block, *note.links, *note.code)}
    for section in {id(note.written_in): note.written_in for note, _ in moved}.values():
        section.blocks[:] = (block for block in section.blocks if id(block) not in gone)
        section.links[:] = (link for link in section.links if id(link) not in gone)
        section.code[:] = (code for code in section.code if id(code) not in gone)
    for note, home in moved:
        home.blocks.append(replace(note.block, is_from_elsewhere=True))
        home.links.extend(note.links)
        home.code.extend(note.code)
    for section in {id(home): home for _, home in moved}.values():
        section.blocks.sort(key=lambda block: block.start)


def _first_references(
    notes: Sequence[Note], sections: Sequence[OutlineSection], text: str, fenced: Sequence[tuple[int, int]]
) -> dict[str, OutlineSection]:
    wanted = {note.label.casefold() for note in notes}
    own = {id(note.block) for note in notes}
    found: dict[str, OutlineSection] = {}
    for section in sections:
        nested = [(code.lines[0][0], code.lines[-1][0] + len(code.lines[-1][1])) for code in section.code if code.lines]
        for block in (section.heading, *section.blocks):
            if block is None or id(block) in own or text.find("[^", block.start, block.end) < 0:
                continue
            spans = [match.span() for match in _CODE_SPAN.finditer(text, block.start, block.end)]
            for match in _REFERENCE.finditer(text, block.start, block.end):
                in_code = any(_holds(ranges, match.start()) for ranges in (fenced, nested, spans))
                if match[1].casefold() in wanted and not in_code:
                    found.setdefault(match[1].casefold(), section)
    return found


def _holds(ranges: Sequence[tuple[int, int]], offset: int) -> bool:
    """Tell whether one of the ranges, which are in order and apart, holds the offset."""
    before = bisect_right(ranges, offset, key=lambda each: each[0]) - 1
    return before >= 0 and offset < ranges[before][1]
