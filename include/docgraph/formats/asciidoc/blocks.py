"""Reads the blocks of a document, line by line, and writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docgraph.formats.asciidoc.block_attributes import Info, is_block_attributes, parts
from docgraph.formats.asciidoc.headings import one_line_title, two_line_level
from docgraph.formats.asciidoc.lists import COLIST, DELIMITERS, MAX_DEPTH, Lists
from docgraph.formats.asciidoc.markers import marker_of, term_of
from docgraph.formats.asciidoc.page import is_comment
from docgraph.formats.asciidoc.preprocessing import ATTRIBUTE, set_attribute, substituted
from docgraph.formats.asciidoc.tables import rows_of
from docgraph.formats.writer import Inline

_MACRO = re.compile(r"(image|video|audio|toc)::(\S*?)\[(.*)\]$")
_RULE = re.compile(r"(?:'{3,}|<{3,}|-{3}|\*{3}|- - -|\* \* \*)$")
_ADMONITION = re.compile(r"(NOTE|TIP|IMPORTANT|WARNING|CAUTION):\s+(.*)")
_CALLOUT = re.compile(r"(?:[ \t]*(?://|#|--|;;))?[ \t]*(?:<(?:!--)?(?:\d{1,3}|\.)(?:--)?>[ \t]*)+$")
_ADMONITIONS = {"NOTE": "Note", "TIP": "Tip", "IMPORTANT": "Important", "WARNING": "Warning", "CAUTION": "Caution"}
_REVISION = re.compile(r"v?\d|.*\d{4}")
_LAST_ANCHOR = re.compile(r"[ \t]\[\[([\w:][\w:.-]*)(?:,[^\]]*)?\]\]$")


class Blocks(Lists):
    """Reads one document; `titles` are those that references without a text show, by anchor."""

    @property
    def has_unknown_titles(self) -> bool:
        """Whether a reference was met whose title is not known yet, but stands in the document."""
        return self._names.has_unknown and bool(self.titles)

    def read(self) -> None:
        """Read the whole document."""
        self._blocks(self._header(), len(self._lines), 0)
        self._end_section()

    # The header.

    def _header(self) -> int:
        """Read title, author, revision and attributes; return where the body begins."""
        position = self._attributes_from(0)
        found = one_line_title(self._text(position))
        if found and found[0] == 0:
            title, position = found[1], position + 1
        elif two_line_level(self._text(position), self._text(position + 1)) == 0:
            title, position = self._text(position).strip(), position + 2
            self._attributes["compat-mode"] = ""
        else:
            return position
        number = self._lines[position - 1].number
        number -= 0 if found else 1
        for kind in range(2):
            line = self._text(position)
            if not line.strip() or ATTRIBUTE.match(line) or line.startswith(("//", "[", ".", "=", "*", "-", "|")):
                break
            if kind == 1 and not _REVISION.match(line):
                break
            position += 1
        position = self._attributes_from(position, blanks=False)
        pieces = self._inlines(title)
        self.writer.place(f"line {number}")
        self.writer.heading(1, _named(pieces), slug=False)
        return position

    def _attributes_from(self, position: int, *, blanks: bool = True) -> int:
        while position < len(self._lines):
            line = self._text(position)
            if ATTRIBUTE.match(line):
                position = self._attribute(position)
            elif is_comment(line) or (blanks and not line.strip()):
                position += 1
            else:
                break
        return position

    def _attribute(self, position: int) -> int:
        found = ATTRIBUTE.match(self._text(position))
        assert found is not None
        value = found[2] or ""
        while value.endswith(" \\") and position + 1 < len(self._lines):
            position += 1
            value = f"{value[:-2].rstrip('+ ')} {self._text(position).strip()}"
        set_attribute(self._attributes, found[1], value)
        return position + 1

    # Blocks.

    def _blocks(self, position: int, end: int, depth: int) -> None:
        while position < end:
            position = self._block(position, end, depth)

    def _block(self, position: int, end: int, depth: int) -> int:
        """Read what begins at a line; return where the next begins."""
        line = self._text(position)
        if not line.strip() or is_comment(line):
            return position + 1
        if ATTRIBUTE.match(line):
            return self._attribute(position)
        if self._info.takes(line):
            return position + 1
        if title := self._title(position, end, depth):
            return title
        if DELIMITERS.match(line):
            return self._delimited(position, end, depth)
        if found := _MACRO.match(line):
            self._block_macro(found)
            return position + 1
        if _RULE.match(line):
            self._info = Info()
            return position + 1
        if COLIST.match(line):
            return self._callouts(position, end)
        if marker_of(line) or term_of(line):
            return self._list(position, end, depth)
        return self._paragraph(position, end)

    def _title(self, position: int, end: int, depth: int) -> int:
        """Read a title; return where it ends, or 0 where there is none."""
        line = self._text(position)
        found = one_line_title(line)
        width = 1
        if not found and position + 1 < end:
            level = two_line_level(line, self._text(position + 1))
            found, width = ((level, line.strip()), 2) if level >= 0 else (None, 1)
        if not found or (depth and self._info.style not in ("discrete", "float")):
            return 0
        info = self._take()
        level, text = found
        offset = self._attributes.get("leveloffset", "0").lstrip("+")
        if offset.lstrip("-").isdecimal() and len(offset) < 4:
            level = min(max(level + int(offset), 0), 5)
        self._end_section()
        if inline := _LAST_ANCHOR.search(text):
            info.anchor = info.anchor or inline[1]
            text = text[: inline.start()]
        pieces = self._inlines(text)
        name = _named(pieces)
        if info.style == "appendix" and level:
            self._counts["appendix"] = self._counts.get("appendix", 0) + 1
            letter = chr(64 + min(self._counts["appendix"], 26))
            name = f"{self._attributes.get('appendix-caption', 'Appendix')} {letter}: {name}"
        is_given = bool(info.anchor)
        has_ids = "sectids" in self._attributes
        anchor = info.anchor if is_given else self._anchors.made(_named(pieces), self._attributes) if has_ids else ""
        self._anchors.take(anchor)
        self.titles.setdefault(anchor, name)
        self.writer.place(f"line {self._lines[position].number}")
        links = [piece for piece in pieces if piece.href]
        self.writer.heading(level + 1, name, anchor, links=links, slug=False)
        return position + width

    def _delimited(self, position: int, end: int, depth: int) -> int:
        opening = self._text(position)
        closing = "```" if opening.startswith("```") else opening
        close = next((n for n in range(position + 1, end) if self._lines[n].text == closing), end)
        info = self._take()
        inner = range(position + 1, close)
        sign = opening[0]
        if sign == "/" or info.style == "comment":
            return close + 1
        if opening[1:].startswith("===") and sign in "|,:!":
            self._table(info, [self._text(n) for n in inner], sign)
        elif opening.startswith("```"):
            self._code([self._text(n) for n in inner], info, opening[3:])
        elif info.style in ("stem", "latexmath", "asciimath"):
            self._caption(info)
            self._write_code([self._text(n) for n in inner], "latex" if info.style != "asciimath" else "")
        elif info.style in ("source", "listing", "literal", "verse", "pass") and sign in "-._+":
            if info.style != "pass":
                self._styled([self._text(n) for n in inner], info)
        elif sign in "-." and opening != "--":
            self._styled([self._text(n) for n in inner], info)
        elif sign == "+":
            # Passed through as it is, for a program.
            return close + 1
        else:
            self._compound(info, position + 1, close, depth, sign)
        return close + 1

    def _styled(self, lines: list[str], info: Info) -> None:
        if info.style == "verse":
            self._caption(info)
            self._write(self._inlines("\n".join(lines)))
            self._attribution(info)
        else:
            self._code(lines, info, "")

    def _compound(self, info: Info, start: int, end: int, depth: int, sign: str) -> None:
        self._admonition(info)
        self._caption(info, "example" if sign == "=" and info.style not in _ADMONITIONS else "")
        if depth >= MAX_DEPTH:
            for number in range(start, end):
                self._write(self._inlines(self._text(number)))
        else:
            self._blocks(start, end, depth + 1)
        self._attribution(info)

    def _admonition(self, info: Info) -> None:
        if info.style in _ADMONITIONS:
            label = self._attributes.get(f"{info.style.lower()}-caption", _ADMONITIONS[info.style])
            self._write([Inline(label)], leads_in=True)

    def _attribution(self, info: Info) -> None:
        if info.style in ("quote", "verse"):
            said = ", ".join(filter(None, [*info.positional[1:3], info.named.get("attribution", "")]))
            if said:
                self._write([Inline("— "), *self._inlines(said)])

    def _code(self, lines: list[str], info: Info, language: str) -> None:
        self._caption(info)
        if not language and info.style not in ("listing", "literal"):
            named = info.positional[1] if info.style in ("source", "") and len(info.positional) > 1 else ""
            language = info.named.get("language") or named
            if not language and info.style == "source":
                language = self._attributes.get("source-language", "")
        if info.named.get("subs", "").find("attributes") >= 0:
            lines = [substituted(line, self._attributes) for line in lines]
        self._write_code([_CALLOUT.sub("", line) if line.endswith(">") else line for line in lines], language)

    def _write_code(self, lines: list[str], language: str) -> None:
        self._flush()
        self.writer.code("\n".join(lines), language if re.fullmatch(r"[\w+.#-]{1,40}", language) else "")

    def _table(self, info: Info, lines: list[str], sign: str) -> None:
        self._caption(info, "table")
        rows, headers = rows_of(lines, info.named, info.options, sign)
        self._flush()
        made = [[self._inlines(cell) for cell in row] for row in rows]
        self.writer.table(made, headers=headers)

    def _block_macro(self, found: re.Match[str]) -> None:
        info = self._take()
        if found[1] != "image":
            return
        alt = next(iter(parts(found[3])), "").strip('" ')
        if alt and "=" not in alt:
            self._write(self._inlines(alt))
        self._caption(info, "figure")

    def _paragraph(self, position: int, end: int) -> int:
        info = self._take()
        start = position
        while position < end and (line := self._text(position)).strip():
            if position > start and (DELIMITERS.match(line) or is_block_attributes(line)):
                break
            if self._depth and line == "+":
                break
            position += 1
        lines = [self._text(n) for n in range(start, position) if not is_comment(self._text(n))]
        if info.style in ("source", "listing", "literal") or (
            lines and lines[0][:1] in " \t" and info.style != "normal"
        ):
            if info.style not in ("source", "listing"):
                lines = _dedented(lines)
            self._styled(lines, info)
            return position
        if info.style in ("pass", "comment"):
            return position
        if info.style in ("stem", "latexmath", "asciimath"):
            self._write_code(lines, "latex")
            return position
        if lines and (said := _ADMONITION.match(lines[0])):
            info.style, lines[0] = said[1], said[2]
        self._admonition(info)
        self._caption(info)
        self._write(self._inlines("\n".join(line.strip() for line in lines)))
        self._attribution(info)
        return position


def _said(pieces: Sequence[Inline]) -> str:
    return "".join(piece.text for piece in pieces)


def _named(pieces: Sequence[Inline]) -> str:
    """Return the text of a title, in which code has no backticks."""
    return re.sub(r"`([^`]+)`", r"\1", _said(pieces))


def _dedented(lines: list[str]) -> list[str]:
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    return [line[indent:] for line in lines]
