"""Reads man(7): macros of sections, paragraphs, fonts and links."""

from __future__ import annotations

from collections.abc import Callable

from docgraph.formats.man.body import Body
from docgraph.formats.man.escapes import text_of
from docgraph.formats.man.requests import Page, arguments
from docgraph.formats.man.tables import rows_of

_ALTERNATING = frozenset({"BI", "BR", "IB", "IR", "RB", "RI"})
_FONTS = frozenset({"B", "I", "R", "SB", "SM", "C", "CW", "CB", "CI"})
_PARAGRAPHS = frozenset({"HP", "LP", "P", "PP", "Pp", "SY", "Sp", "YS", "sp"})
_KEEPING = frozenset({"EX", "Vb", "nf"})
_FILLING = frozenset({"EE", "Ve", "fi"})


class ManReader:
    """Reads one page line by line."""

    def __init__(self, page: Page, body: Body) -> None:
        """Read `page` into `body`."""
        self._page = page
        self._body = body
        #: What the next line of text is, where a macro before it says so: a heading, a term.
        self._next: Callable[[], None] | None = None
        self._heading_level = 0
        self._table: list[str] | None = None
        self._skip_until = ""
        self._link = ""
        self.title = ""

    def read(self) -> None:
        """Read the page to its end."""
        for name, rest in self._page:
            if self._skip_until:
                if name == self._skip_until:
                    self._skip_until = ""
                continue
            if self._table is not None:
                self._in_table(name, rest)
            elif name is None:
                self._text(rest)
            else:
                self._macro(name, rest)
        if self._table is not None:
            self._end_table()
        self._body.fill()
        self._body.paragraph()

    def _in_table(self, name: str | None, rest: str) -> None:
        assert self._table is not None
        if name == "TE":
            self._end_table()
        else:
            self._table.append(rest if name is None else f".{name} {rest}")

    def _end_table(self) -> None:
        lines, self._table = self._table or [], None
        rows, headers = rows_of(lines, self._page.strings)
        self._body.writer.table(rows, headers=headers)

    def _text(self, line: str) -> None:
        words = text_of(line, self._page.strings)
        if not words.strip() and self._next is None:
            if self._body.keeps_lines:
                if not line:
                    self._body.end_line()
            elif not line.strip():
                self._body.paragraph()
            return
        if line.startswith(" ") and not self._body.keeps_lines and self._next is None:
            self._body.line_break()
        self._say(words, continued=line.endswith("\\c"))

    def _say(self, words: str, *, continued: bool = False) -> None:
        self._body.add(words, href=self._link)
        self._body.end_line(continued=continued)
        if self._next is not None and not continued:
            following, self._next = self._next, None
            following()

    def _macro(self, name: str, rest: str) -> None:
        if name in _FONTS or name in _ALTERNATING or name == "OP":
            self._font(name, rest)
        elif name in ("SH", "SS"):
            self._section(1 if name == "SH" else 2, rest)
        elif name in ("TP", "TQ"):
            self._end_pending()
            self._body.paragraph()
            self._next = self._term
        elif name == "IP":
            self._item(rest)
        elif name in _PARAGRAPHS:
            self._paragraph(name, rest)
        elif name in _KEEPING:
            self._body.keep_lines()
        elif name in _FILLING:
            self._body.fill()
        elif name in ("RS", "RE"):
            self._body.paragraph()
        elif name == "br":
            self._body.line_break()
        elif name in ("UR", "MT"):
            self._link = "".join(self._arguments(rest)[:1])
            self._link = f"mailto:{self._link}" if name == "MT" and self._link else self._link
        elif name in ("UE", "ME"):
            self._end_link(rest)
        elif name == "MR":
            words = [*self._arguments(rest), "", "", ""]
            self._say(f"{words[0]}({words[1]}){words[2]}")
        elif name == "TS":
            self._body.fill()
            self._body.paragraph()
            self._table = []
        elif name == "EQ":
            self._skip_until = "EN"
        elif name == "TH":
            words = [*self._arguments(rest), "", ""]
            self.title = f"{words[0]}({words[1]})" if words[1] else words[0]

    def _arguments(self, rest: str) -> list[str]:
        return [text_of(word, self._page.strings) for word in arguments(rest)]

    def _font(self, name: str, rest: str) -> None:
        words = self._arguments(rest)
        if not words:
            # The font is for the line that follows.
            return
        if name == "OP":
            self._say(f"[{' '.join(words)}]")
        else:
            self._say(("" if name in _ALTERNATING else " ").join(words), continued=rest.endswith("\\c"))

    def _section(self, level: int, rest: str) -> None:
        self._end_pending()
        self._body.fill()
        self._body.paragraph()
        words = self._arguments(rest)
        if words:
            self._body.heading(level, " ".join(words), " ".join(arguments(rest)))
        else:
            self._heading_level = level
            self._next = self._end_heading

    def _end_heading(self) -> None:
        self._body.heading(self._heading_level, "".join(piece.text for piece in self._body.take()))

    def _term(self) -> None:
        self._body.term()

    def _end_pending(self) -> None:
        self._next = None

    def _item(self, rest: str) -> None:
        self._end_pending()
        self._body.paragraph()
        words = self._arguments(rest)
        if words and words[0].strip():
            self._body.add(words[0])
            self._body.end_line()
            self._body.term()

    def _paragraph(self, name: str, rest: str) -> None:
        if name != "sp":
            self._end_pending()
        self._body.paragraph()
        if name == "SY" and (words := self._arguments(rest)):
            self._say(" ".join(words))

    def _end_link(self, rest: str) -> None:
        after = "".join(self._arguments(rest)[:1])
        address = self._link.removeprefix("mailto:")
        if address:
            self._body.add(f"⟨{address}⟩", href=self._link)
        self._link = ""
        if after:
            self._body.add(after, glue=True)
        self._body.end_line()
