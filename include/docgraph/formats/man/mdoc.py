"""Reads mdoc(7): macros that may call each other on a line, enclosures, lists, displays."""

from __future__ import annotations

from dataclasses import dataclass, field

from docgraph.formats.man.body import Body
from docgraph.formats.man.escapes import text_of
from docgraph.formats.man.requests import Page, arguments
from docgraph.formats.man.words import (
    CALLABLE,
    CLOSERS,
    CLOSING,
    ENCLOSING,
    IGNORED,
    OPENERS,
    OPENING,
    PLAIN,
    SYSTEMS,
    TEXTS,
)

_REFERENCE = ("%A", "%T", "%B", "%J", "%V", "%N", "%P", "%R", "%I", "%C", "%D", "%Q", "%U", "%O")
_MARKERS = {"-bullet": "-", "-dash": "-", "-hyphen": "-", "-item": ""}


@dataclass(slots=True)
class _List:
    """A list that is open: its type, the number of its last item, the rows of a table."""

    kind: str
    number: int = 0
    rows: list[list[str]] = field(default_factory=list)


class MdocReader:
    """Reads one page line by line."""

    def __init__(self, page: Page, body: Body) -> None:
        """Read `page` into `body`."""
        self._page = page
        self._body = body
        self._name = ""
        self._section = ""
        self._lists: list[_List] = []
        self._spaced = True
        self._in_term = False
        self._cell: list[str] | None = None
        self._reference: list[str] | None = None
        self._extended_term = 0
        #: How many parameters the open prototype of a function has so far.
        self._parameters: int | None = None
        self.title = ""

    def read(self) -> None:
        """Read the page to its end."""
        for name, rest in self._page:
            if name is None:
                self._text(rest)
            elif name == "Sh" or name == "Ss":
                self._open_section(name, rest)
            else:
                self._line(name, rest)
        self._close_lists(0)
        self._body.fill()
        self._body.paragraph()

    def _text(self, line: str) -> None:
        words = text_of(line, self._page.strings)
        if not words.strip():
            if self._body.keeps_lines:
                self._body.end_line()
            else:
                self._body.paragraph()
            return
        if line.startswith(" ") and not self._body.keeps_lines:
            self._body.line_break()
        self._body.add(words)
        self._body.end_line(continued=line.endswith("\\c"))

    def _open_section(self, name: str, rest: str) -> None:
        self._close_lists(0)
        self._body.fill()
        self._body.paragraph()
        self._calls(arguments(rest), 0)
        heading = "".join(piece.text for piece in self._body.take())
        self._section = heading.strip().upper()
        self._body.heading(1 if name == "Sh" else 2, heading, rest if "\\" in rest else "")

    def _line(self, name: str, rest: str) -> None:
        words = arguments(rest)
        handler = {
            "Bl": self._begin_list,
            "El": self._end_list,
            "It": self._item,
            "Bd": self._begin_display,
            "Ed": self._end_display,
            "D1": self._display_line,
            "Dl": self._display_line,
            "Rs": self._begin_reference,
            "Re": self._end_reference,
            "Dt": self._document_title,
            "Sm": self._spacing,
        }.get(name)
        if handler is not None:
            handler(words)
        elif name in ("Pp", "Lp", "sp", "br"):
            (self._body.line_break if name == "br" else self._body.paragraph)()
        elif name in _REFERENCE and self._reference is not None:
            self._reference.append(" ".join(text_of(word, self._page.strings) for word in words))
        elif name == "nf":
            self._body.keep_lines()
        elif name == "fi":
            self._body.fill()
        elif name == "Ta":
            self._next_cell(words)
        elif name not in IGNORED:
            if name == "Nm" and self._section == "SYNOPSIS" and not self._body.keeps_lines:
                self._body.line_break()
            self._call(name, words)
            self._body.end_line(continued=not self._spaced and not self._body.keeps_lines)
            if name == "Xc":
                self._end_extended()

    # Macros that may be called on a line.

    def _call(self, name: str, words: list[str]) -> None:
        self._calls([name, *words], 0, first=True)

    def _calls(self, words: list[str], position: int, *, first: bool = False) -> None:
        """Say words from `position` on; a word that names a macro is one (also the first, where `first`)."""
        closers: list[str] = []
        # What encloses the rest of a line ends in front of its last punctuation.
        said = _without_punctuation(words)
        while position < len(said):
            word = said[position]
            position += 1
            if word in CALLABLE or (first and position == 1):
                position = self._macro(word, said, position, closers)
            else:
                self._word(word)
        self._close(closers)
        for mark in words[max(len(said), position) :]:
            self._word(mark)

    def _close(self, closers: list[str]) -> None:
        while closers:
            self._body.add(closers.pop(), glue=True)

    def _macro(self, name: str, words: list[str], position: int, closers: list[str]) -> int:
        if name in ENCLOSING:
            opening, closing = ENCLOSING[name]
            self._open(opening)
            closers.append(closing)
        elif name in OPENERS:
            self._open(OPENERS[name])
        elif name in CLOSERS:
            self._body.add(CLOSERS[name], glue=True)
            if not self._spaced:
                self._body.glue()
        elif name == "Ns":
            self._body.glue()
        elif name == "Ap":
            self._body.add("'", glue=True)
            self._body.glue()
        elif name == "Pf" and position < len(words):
            self._word(words[position])
            self._body.glue()
            return position + 1
        elif name in ("Eo", "Ec"):
            return self._enclose(name, words, position)
        elif name == "Ta":
            self._next_cell([])
        elif name in ("Xo", "No", "Xc", "Bk", "Ek", *PLAIN):
            pass
        elif name in SYSTEMS:
            self._word(
                " ".join([SYSTEMS[name], *words[position : position + 1]])
                if self._takes_version(words, position)
                else SYSTEMS[name]
            )
            return position + self._takes_version(words, position)
        else:
            return self._content(name, words, position)
        return position

    def _takes_version(self, words: list[str], position: int) -> bool:
        return position < len(words) and words[position] not in CALLABLE and words[position] not in CLOSING

    def _open(self, mark: str) -> None:
        self._body.add(mark)
        self._body.glue()

    def _enclose(self, name: str, words: list[str], position: int) -> int:
        if position < len(words) and words[position] not in CALLABLE:
            mark = text_of(words[position], self._page.strings)
            self._body.add(mark, glue=name == "Ec")
            position += 1
        if name == "Eo":
            self._body.glue()
        return position

    def _content(self, name: str, words: list[str], position: int) -> int:
        """Say a macro with words of its own: up to the next macro on the line."""
        end = position
        while end < len(words) and words[end] not in CALLABLE:
            end += 1
        own = words[position:end]
        taken = [text_of(word, self._page.strings) for word in own]
        marks = len(taken) - len(_without_punctuation(own))
        core, after = taken[: len(taken) - marks], taken[len(taken) - marks :]
        if name == "Fl":
            self._flags(own, following=end < len(words))
            return end
        if name == "Nm":
            self._names(core)
        elif name == "Xr" and core:
            self._word_as_is(f"{core[0]}({core[1]})" if len(core) > 1 else core[0])
            core = core[2:]
            for word in core:
                self._word(word)
        elif name == "Lk" and core:
            self._body.add(" ".join(core[1:]) or core[0], href=core[0])
            if core[1:]:
                self._word_as_is(f"⟨{core[0]}⟩")
        elif name == "Mt" and core:
            self._body.add(core[0], href=f"mailto:{core[0]}")
        elif name == "Fn" and core:
            self._word_as_is(f"{core[0]}({', '.join(core[1:])})")
        elif name == "Fo" and core:
            self._word_as_is(f"{core[0]}(")
            self._parameters = 0
        elif name == "Fc":
            self._body.add(")", glue=True)
            self._parameters = None
        elif name == "Fa" and self._parameters is not None:
            for word in core:
                self._body.add(word if self._parameters == 0 else f", {word}", glue=True)
                self._parameters += 1
        elif name == "In" and core:
            self._word_as_is(f"#include <{core[0]}>" if self._section == "SYNOPSIS" else f"<{core[0]}>")
        elif name == "Nd":
            self._word_as_is(f"- {' '.join(core)}" if core else "-")
        elif name in ("Ex", "Rv", "St", "Lb"):
            self._standard(name, core)
        elif not core and name in TEXTS:
            self._word_as_is(TEXTS[name])
        else:
            for word in own[: len(core)]:
                self._word(word)
        for mark in after:
            self._word(mark)
        return end

    def _flags(self, own: list[str], *, following: bool) -> None:
        core = [word for word in own if word not in CLOSING and word not in OPENING and word != "|"]
        if not core:
            self._word_as_is("-")
            if following and not own:
                self._body.glue()
        for word in own:
            if word in CLOSING or word in OPENING or word == "|":
                self._word(word)
            else:
                self._word_as_is(f"-{text_of(word, self._page.strings)}")

    def _names(self, core: list[str]) -> None:
        if core and not self._name:
            self._name = core[0]
        self._word_as_is(" ".join(core) or self._name)

    def _standard(self, name: str, core: list[str]) -> None:
        own = " ".join(word for word in core if word != "-std") or self._name
        said = {
            "Ex": f"The {own} utility exits 0 on success, and >0 if an error occurs.",
            "Rv": f"The {own}() function returns the value 0 if successful; otherwise the value -1 is returned and the global variable "
            "errno is set to indicate the error.",
            "Lb": own,
            "St": own.removeprefix("-").replace("p1003.1", "IEEE Std 1003.1").replace("ansiC", "ANSI C"),
        }
        self._word_as_is(said[name])

    def _word(self, word: str) -> None:
        text = text_of(word, self._page.strings)
        self._body.add(text, glue=word in CLOSING)
        if word in OPENING or not self._spaced:
            self._body.glue()

    def _word_as_is(self, text: str) -> None:
        self._body.add(text)
        if not self._spaced:
            self._body.glue()

    def _spacing(self, words: list[str]) -> None:
        self._spaced = words[0] == "on" if words else not self._spaced
        self._body.end_line()

    # Blocks.

    def _begin_list(self, words: list[str]) -> None:
        self._body.paragraph()
        kind = next((word for word in words if word in ("-column", "-enum", *_MARKERS)), "-tag")
        self._lists.append(_List(kind))

    def _end_list(self, words: list[str]) -> None:
        del words
        self._close_lists(len(self._lists) - 1)

    def _close_lists(self, left: int) -> None:
        while len(self._lists) > max(left, 0):
            self._body.fill()
            if self._lists[-1].kind == "-column":
                self._end_cell()
            else:
                self._body.paragraph()
            closed = self._lists.pop()
            if closed.rows:
                self._body.writer.table(closed.rows, headers=0)

    def _item(self, words: list[str]) -> None:
        if not self._lists:
            return
        around = self._lists[-1]
        if around.kind == "-column":
            self._end_cell()
            around.rows.append([])
            self._calls(words, 0)
            self._body.end_line()
            return
        self._body.fill()
        self._body.paragraph()
        if around.kind == "-enum":
            around.number += 1
            self._body.add(f"{around.number}.")
            self._body.term()
        elif around.kind in _MARKERS:
            if _MARKERS[around.kind]:
                self._body.add("•")
                self._body.term()
        else:
            self._extended_term = words.count("Xo") - words.count("Xc")
            self._calls(words, 0)
            self._body.end_line()
            if self._extended_term <= 0:
                self._body.term()

    def _end_extended(self) -> None:
        if self._extended_term > 0:
            self._extended_term = 0
            self._body.term()

    def _next_cell(self, words: list[str]) -> None:
        self._end_cell()
        self._calls(words, 0)

    def _end_cell(self) -> None:
        if self._lists and self._lists[-1].rows:
            self._lists[-1].rows[-1].append("".join(piece.text for piece in self._body.take()).strip())

    def _begin_display(self, words: list[str]) -> None:
        self._body.paragraph()
        if "-literal" in words or "-unfilled" in words:
            self._body.keep_lines()

    def _end_display(self, words: list[str]) -> None:
        del words
        self._body.fill()
        self._body.paragraph()

    def _display_line(self, words: list[str]) -> None:
        self._body.paragraph()
        self._body.keep_lines()
        self._calls(words, 0)
        self._body.end_line()
        self._body.fill()

    def _begin_reference(self, words: list[str]) -> None:
        del words
        self._body.paragraph()
        self._reference = []

    def _end_reference(self, words: list[str]) -> None:
        del words
        parts, self._reference = self._reference or [], None
        if parts:
            self._body.add(f"{', '.join(parts)}.")
        self._body.paragraph()

    def _document_title(self, words: list[str]) -> None:
        if words:
            self.title = f"{words[0]}({words[1]})" if len(words) > 1 else words[0]


def _without_punctuation(words: list[str]) -> list[str]:
    end = len(words)
    while end and words[end - 1] in CLOSING:
        end -= 1
    return words[:end]
