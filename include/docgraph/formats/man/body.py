"""Collects what macros say and writes it: running text, terms, items, lines as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from docgraph.formats.writer import Inline, Item, OutlineWriter

_BULLET = re.compile(r"[•·∙○□o*+–—-]|\\\(bu")
_LED_BY_BULLET = re.compile(r"[•·∙○] *(?=\S)")
_IN_ID = re.compile(r"[^A-Za-z0-9!$&'()*+,\-./:;=?@_]")


@dataclass(slots=True)
class Body:
    """The body of a page. Text is added word by word; a break ends the paragraph, or, where lines are kept, the line."""

    writer: OutlineWriter
    _words: list[Inline] = field(default_factory=list)
    _glued: bool = True
    _lines: list[str] | None = None
    _line: list[str] = field(default_factory=list)
    _item: str = ""
    _ids: dict[str, int] = field(default_factory=dict)

    def heading(self, level: int, text: str, source: str = "") -> None:
        """Open a section, under the anchor that mandoc gives it in HTML; `source` is the heading with its escapes."""
        self.fill()
        self.paragraph()
        name = " ".join(text.split())
        if name:
            self.writer.heading(level, name, self._anchor(name, source or name), slug=False)

    def _anchor(self, name: str, source: str) -> str:
        if not name.isascii():
            return ""
        # mandoc's anchor ends in front of the first escape.
        before, escape, _ = source.strip().removeprefix("\\&").partition("\\")
        wanted = _IN_ID.sub("_", before.rstrip() if not escape else before)
        if not wanted:
            return ""
        self._ids[wanted] = self._ids.get(wanted, 0) + 1
        return wanted if self._ids[wanted] == 1 else f"{wanted}~{self._ids[wanted]}"

    def add(self, text: str, *, glue: bool = False, href: str = "") -> None:
        """Add text behind a blank; with `glue` without one. Where lines are kept it is a piece of the line."""
        if self._lines is not None:
            self._line += [] if glue or self._glued or not self._line else [" "]
            self._line.append(text)
        elif text:
            self._words.append(Inline(text if glue or self._glued or not self._words else f" {text}", href))
        self._glued = False

    def glue(self) -> None:
        """Let the next text follow without a blank."""
        self._glued = True

    def end_line(self, *, continued: bool = False) -> None:
        """End an input line: it is a line of its own where lines are kept, and a blank elsewhere."""
        if self._lines is not None and not continued:
            self._lines.append("".join(self._line).rstrip())
            self._line = []
        self._glued = continued

    def keep_lines(self) -> None:
        """Keep lines as they are from here on: they are a block of code."""
        if self._lines is None:
            self.paragraph()
            self._lines = []
            self._glued = True

    def fill(self) -> None:
        """End keeping lines."""
        if self._lines is None:
            return
        if self._line:
            self.end_line()
        lines, self._lines = self._lines, None
        if any(line.strip() for line in lines):
            self.writer.code("\n".join(lines))
        self._glued = True

    @property
    def keeps_lines(self) -> bool:
        """Whether lines are kept."""
        return self._lines is not None

    def paragraph(self) -> None:
        """End a paragraph; where lines are kept, leave an empty one."""
        if self._lines is not None:
            if self._line:
                self.end_line()
            if self._lines and self._lines[-1]:
                self._lines.append("")
            return
        pieces = self.take()
        if not pieces:
            return
        marker, self._item = self._item, ""
        led = _LED_BY_BULLET.match(pieces[0].text.lstrip())
        if led and not marker:
            marker = "-"
            pieces[0] = Inline(pieces[0].text.lstrip()[led.end() :], pieces[0].href)
        if marker:
            self.writer.items([Item(tuple(pieces), 0, marker)])
        else:
            self.writer.paragraph(pieces)

    def line_break(self) -> None:
        """Begin a new line."""
        if self._lines is None:
            self.paragraph()
        elif self._line:
            self.end_line()

    def term(self) -> None:
        """End a term, which stands in front of its description."""
        if self._lines is not None:
            self.line_break()
            return
        pieces = self.take()
        if len(pieces) == 1 and _BULLET.fullmatch(pieces[0].text.strip()):
            self._item = "-"
        elif pieces and re.fullmatch(
            r"\(?[0-9a-z]{1,3}[.)]|\[[0-9]{1,3}\]", "".join(piece.text for piece in pieces).strip()
        ):
            self._item = "".join(piece.text for piece in pieces).strip()
        elif pieces:
            self.writer.paragraph(pieces, leads_in=True)

    def take(self) -> list[Inline]:
        """Return the words so far, and begin anew."""
        pieces, self._words, self._glued = self._words, [], True
        return pieces if any(piece.text.strip() for piece in pieces) else []
