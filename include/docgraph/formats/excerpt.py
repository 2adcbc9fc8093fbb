"""The text of a section as it is cut out of its document, with the way from its offsets to the document's and back."""

from __future__ import annotations

from bisect import bisect_right

from docgraph.formats.outline import Block


class Excerpt:
    """Blocks of a source text joined to one text, without what their drops leave out."""

    def __init__(self, source: str, blocks: list[Block]) -> None:
        """Join `blocks` (in the source's order): by a blank line, or a line break where they are adjacent lines."""
        self._source = source
        self._pieces: list[str] = []
        self._length = 0
        self._starts: list[int] = []
        self._origins: list[int] = []
        last = 0
        for block in blocks:
            if self._pieces:
                gap = source.count("\n", last, block.start)
                self._put("\n" if gap == 1 else "\n\n", last)
            position = block.start
            for drop in block.drops:
                self._put(source[position : drop.start], position)
                self._put(drop.replacement, drop.start)
                position = drop.end
            self._put(source[position : block.end], position)
            last = block.end
        self._end = last
        self.text = "".join(self._pieces)

    def _put(self, piece: str, origin: int) -> None:
        if piece:
            self._pieces.append(piece)
            self._starts.append(self._length)
            self._origins.append(origin)
            self._length += len(piece)

    def origin(self, offset: int) -> int:
        """Return where a character of the text stands in the source (for the end of the text: the end of its last block)."""
        if offset >= self._length:
            return self._end
        index = bisect_right(self._starts, offset) - 1
        return self._origins[index] + offset - self._starts[index]

    def offset(self, origin: int) -> int:
        """Return where a character of the source stands in the text; for one that was dropped: where the text goes on."""
        index = bisect_right(self._origins, origin) - 1
        if index < 0:
            return 0
        return min(self._starts[index] + origin - self._origins[index], self._starts[index] + len(self._pieces[index]))
