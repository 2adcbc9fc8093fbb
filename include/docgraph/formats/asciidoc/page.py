"""What the readers of blocks and of lists share: the lines, what is known so far, and how text is written."""

from __future__ import annotations

from collections.abc import Sequence

from docgraph.formats.asciidoc.block_attributes import Info
from docgraph.formats.asciidoc.headings import Anchors
from docgraph.formats.asciidoc.inlines import Names, inlines
from docgraph.formats.asciidoc.preprocessing import GIVEN, Line
from docgraph.formats.writer import Inline, Item, OutlineWriter


class Page:
    """One document; `titles` are those that references without a text show, by anchor."""

    def __init__(self, writer: OutlineWriter, lines: Sequence[Line], titles: dict[str, str]) -> None:
        self.writer = writer
        self.titles: dict[str, str] = {}
        self._lines = lines
        self._attributes = dict(GIVEN)
        self._names = Names(titles, {title: anchor for anchor, title in reversed(titles.items())})
        self._anchors = Anchors()
        self._info = Info()
        self._items: list[Item] = []
        self._depth = 0
        self._marker = ""
        self._counts: dict[str, int] = {}

    def _text(self, number: int) -> str:
        return self._lines[number].text if number < len(self._lines) else ""

    def _take(self) -> Info:
        info, self._info = self._info, Info()
        return info

    def _inlines(self, text: str) -> list[Inline]:
        return inlines(text, self._attributes, self._names)

    def _end_section(self) -> None:
        """Write the notes of the section that is open."""
        self._flush()
        notes, self._names.notes = self._names.notes, []
        for number, text in notes:
            self.writer.paragraph([Inline(f"[{number}] "), *self._inlines(text)])

    def _caption(self, info: Info, kind: str = "") -> None:
        if not info.title:
            return
        label = ""
        if kind and (word := self._attributes.get(f"{kind}-caption")):
            self._counts[kind] = self._counts.get(kind, 0) + 1
            label = f"{word} {self._counts[kind]}. "
        self._write([Inline(label), *self._inlines(info.title)], leads_in=True)

    def _write(self, pieces: Sequence[Inline], *, leads_in: bool = False) -> None:
        if not any(piece.text.strip() for piece in pieces):
            return
        if self._depth:
            self._items.append(Item(tuple(pieces), min(self._depth - 1, 20), self._marker))
            self._marker = ""
        else:
            self.writer.paragraph(pieces, leads_in=leads_in)

    def _flush(self) -> None:
        items, self._items = self._items, []
        while items and not items[0].marker:
            self.writer.paragraph(items.pop(0).inlines)
        if items:
            self.writer.items(items)


def is_comment(line: str) -> bool:
    """Tell whether a line is a comment."""
    return line.startswith("//") and not line.startswith("///")
