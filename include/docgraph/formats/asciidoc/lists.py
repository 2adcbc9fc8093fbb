"""Reads lists: bullets, numbers, terms with descriptions, and what the numbers in code mean."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from docgraph.formats.asciidoc.block_attributes import Info, is_block_attributes
from docgraph.formats.asciidoc.markers import Marker, marker_of, term_of
from docgraph.formats.asciidoc.page import Page, is_comment

MAX_DEPTH = 30
DELIMITERS = re.compile(r"(-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|/{4,}|--|[|,:!]={3,}|```[\w+.#-]*)$")
COLIST = re.compile(r"<(\d{1,3}|\.)>\s+(.*)")


class Lists(Page, ABC):
    """Reads the lists of a document."""

    @abstractmethod
    def _block(self, position: int, end: int, depth: int) -> int:
        """Read the block that begins at a line; return where the next begins."""

    @abstractmethod
    def _paragraph(self, position: int, end: int) -> int:
        """Read a paragraph; return where it ends."""

    def _callouts(self, position: int, end: int) -> int:
        """Read the list of what the numbers in code mean."""
        self._info = Info()
        self._depth += 1
        number = 0
        while position < end and (found := COLIST.match(self._text(position))):
            number += 1
            position += 1
            words = [found[2]]
            while position < end and self._is_running(position):
                words.append(self._text(position))
                position += 1
            self._marker = f"{number}."
            self._write(self._inlines("\n".join(words)))
        self._depth -= 1
        if not self._depth:
            self._flush()
        return position

    def _is_running(self, position: int) -> bool:
        """Tell whether a line goes on with the text above it."""
        line = self._text(position)
        return bool(line.strip()) and line != "+" and not (
            DELIMITERS.match(line) or is_block_attributes(line)
            or marker_of(line) or term_of(line) or COLIST.match(line)
        )  # fmt: skip

    def _list(self, position: int, end: int, depth: int) -> int:
        """Read a list with those in it; return where it ends."""
        self._caption(self._take())
        around: list[Marker] = []
        base = self._depth
        while position < end:
            line = self._text(position)
            marker, term = marker_of(line), term_of(line)
            if marker is None and term is None:
                position = self._between(position, end, depth)
                if position < 0:
                    position = -position
                    break
                continue
            mark = marker or Marker("term", term[1] if term else "", "")
            known = next((n for n, each in enumerate(around) if each.kind == mark.kind and each.sign == mark.sign), -1)
            around = around[: known + 1] if known >= 0 else [*around, mark]
            self._depth = base + sum(each.kind != "term" for each in around)
            position += 1
            if term is not None:
                self._write(self._inlines(term[0]), leads_in=True)
                position = self._said(position, end, term[2])
            else:
                around[-1].count += 1
                self._marker = around[-1].shown()
                position = self._said(position, end, mark.text)
        self._depth = base
        self._marker = ""
        if not self._depth:
            self._flush()
        return position

    def _said(self, position: int, end: int, first: str) -> int:
        """Write the text of an item, which may begin on a line below its term."""
        words = [first] if first else []
        if not words:
            below = position
            while below < end and not self._text(below).strip():
                below += 1
            is_near = below == position or self._text(below)[:1] in " \t"
            if below < end and is_near and self._is_running(below):
                position = below
        while position < end and self._is_running(position):
            if not is_comment(self._text(position)):
                words.append(self._text(position).strip())
            position += 1
        self._write(self._inlines("\n".join(words)))
        return position

    def _between(self, position: int, end: int, depth: int) -> int:
        """Go on in a list at a line that is no item; return the next line, or the negative of the line that ends the list."""
        line = self._text(position)
        if is_comment(line):
            return position + 1
        if line == "+":
            position += 1
            while position < end and self._info.takes(self._text(position)):
                position += 1
            if position >= end:
                return -position
            return self._block(position, end, depth + 1) if depth < MAX_DEPTH else self._paragraph(position, end)
        if line.strip():
            is_block = DELIMITERS.match(line) or (line.startswith("[") and self._is_item_below(position, end))
            if is_block and line.startswith("["):
                return position + 1
            return -position
        below = position
        while below < end and not self._text(below).strip():
            below += 1
        text = self._text(below) if below < end else ""
        if text == "+" or marker_of(text) or term_of(text):
            return below
        if text[:1] in (" ", "\t"):
            return self._paragraph(below, end)
        return -below

    def _is_item_below(self, position: int, end: int) -> bool:
        return (
            position + 1 < end
            and (marker_of(self._text(position + 1)) or term_of(self._text(position + 1))) is not None
        )
