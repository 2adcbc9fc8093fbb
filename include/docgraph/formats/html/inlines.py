"""Collects running text: pieces with the link each stands in, and inline code between backticks."""

from __future__ import annotations

from collections.abc import Callable

from docgraph.formats.writer import Inline

#: Marks of where a word may be broken; they are no characters of the word.
_INVISIBLE = {0x00AD: None, 0x200B: None, 0x2060: None, 0xFEFF: None}


class Run:
    """A run of text that is being read."""

    def __init__(self) -> None:
        self._pieces: list[Inline] = []
        self._href = ""
        #: Where the open link and the open code begin; each run that is taken begins anew.
        self._link_start = 0
        self._code_starts: list[int] = []
        self.is_blank = True

    def text(self, text: str) -> None:
        """Add text."""
        if not text.isascii():
            text = text.translate(_INVISIBLE)
        if not text:
            return
        if self.is_blank:
            if text.isspace():
                return
            self.is_blank = False
        self._pieces.append(Inline(text))

    def space(self) -> None:
        """Add white space."""
        if not self.is_blank:
            self._pieces.append(Inline(" "))

    def begin_link(self, href: str) -> Callable[[], None]:
        """Open a link; the answer closes it."""
        around, start = self._href, self._link_start
        self._href, self._link_start = href, len(self._pieces)

        def end() -> None:
            self._merge_link()
            self._href, self._link_start = around, start if start <= len(self._pieces) else 0

        return end

    def begin_code(self) -> Callable[[], None]:
        """Open a piece of inline code; the answer closes it."""
        self._code_starts.append(len(self._pieces))

        def end() -> None:
            start = self._code_starts.pop() if self._code_starts else 0
            if not self._code_starts:
                self._quote(start)

        return end

    def take(self) -> list[Inline]:
        """Return what was read, and begin anew."""
        if self._href:
            self._merge_link()
        pieces = [] if self.is_blank else self._pieces
        self._pieces = []
        self._link_start = 0
        self._code_starts = [0 for _ in self._code_starts]
        self.is_blank = True
        return pieces

    def _merge_link(self) -> None:
        pieces = self._pieces[self._link_start :]
        label = "".join(piece.text for piece in pieces)
        if label.strip():
            self._pieces[self._link_start :] = [Inline(label, self._href)]

    def _quote(self, start: int) -> None:
        """Put backticks around the pieces from `start` on."""
        pieces = self._pieces[start:]
        words = [number for number, piece in enumerate(pieces) if piece.text.strip()]
        if not words or any("`" in piece.text for piece in pieces):
            return
        first, last = start + words[0], start + words[-1]
        text = self._pieces[first]
        stripped = text.text.lstrip()
        self._pieces[first] = Inline(f"{text.text[: len(text.text) - len(stripped)]}`{stripped}", text.href)
        text = self._pieces[last]
        stripped = text.text.rstrip()
        self._pieces[last] = Inline(f"{stripped}`{text.text[len(stripped) :]}", text.href)
