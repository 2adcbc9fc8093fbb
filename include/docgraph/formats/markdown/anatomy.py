"""Where a block of Markdown may be cut, and what its parts repeat: fences their markers, tables their header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from docgraph.formats.markdown.tables import ROW
from docgraph.formats.outline import Anatomy, Break, Rank, Wrapper, earliest, trimmed
from docgraph.formats.sentences import sentence_starts

_QUOTED = re.compile(r"[ \t]*>[> \t]*")
#: Characters of a header above which no part has room for it, so that no row needs a copy.
_LONG_HEADER = 10_000
#: Characters of a row of a table from which on its parts repeat its first cell.
_WIDE_ROW = 200
_FIRST_CELL = re.compile(r"[> \t]*\|?(?=[^|\n]{0,100}[^|\s])(?:\\.|[^|\\\n]){1,120}\|")


def sentences(text: str, start: int, end: int) -> Anatomy:
    """Return where running text may be cut: between its sentences."""
    return Anatomy(tuple(Break(offset, Rank.SENTENCE) for offset in sentence_starts(text, start, end)))


def anatomy(text: str, lines: Sequence[int], tokens: Sequence[Token], start: int, end: int) -> Anatomy:
    """Return where a top-level block may be cut: between items, rows, lines of code, sentences."""
    breaks: list[Break] = []
    wrappers: list[Wrapper] = []
    for token in tokens:
        if token.map is None or token.nesting == -1:
            continue
        first, last = token.map
        begin, stop = lines[first], lines[last]
        if token.type == "list_item_open":
            breaks.append(Break(begin, Rank.ITEM if token.level == 1 else Rank.NESTED))
        elif token.type == "inline":
            breaks += (Break(offset, Rank.SENTENCE) for offset in sentence_starts(text, begin, stop))
            breaks += (Break(lines[line], Rank.WRAPPED_LINE) for line in range(first + 1, last))
        elif token.type == ROW:
            breaks += (Break(offset, Rank.SENTENCE) for offset in sentence_starts(text, begin, stop))
        elif token.type == "table_open":
            breaks += (Break(lines[line], Rank.GROUP) for line in range(first + 3, last))
            table = _table_wrapper(text, lines, token)
            wrappers += [table, *_row_wrappers(text, lines, token, table.opening)]
        elif token.type == "fence":
            wrappers.append(_fence_wrapper(text, lines, token))
            breaks += _code_breaks(text, lines, first + 2, last - 1 if is_closed(text, lines, token) else last)
        elif token.type in ("code_block", "html_block"):
            breaks += _code_breaks(text, lines, first + 1, last)
        if token.level > 0 and token.type in ("paragraph_open", "fence", "table_open", "code_block", "blockquote_open"):
            breaks.append(Break(begin, Rank.NESTED))
    inside = (found for found in breaks if start < found.offset < end)
    return Anatomy(earliest(inside), tuple(wrapper for wrapper in wrappers if wrapper.start < wrapper.end))


def _code_breaks(text: str, lines: Sequence[int], first: int, last: int) -> Iterator[Break]:
    for line in range(first, last):
        if not text[lines[line - 1] : lines[line]].strip():
            yield Break(lines[line], Rank.GROUP)
        elif not text[lines[line]].isspace():
            yield Break(lines[line], Rank.SENTENCE)
        else:
            yield Break(lines[line], Rank.LINE)


def is_closed(text: str, lines: Sequence[int], token: Token) -> bool:
    """Whether a fence of code ends with its marker, and not with the document or the block around it."""
    first, last = token.map or (0, 0)
    closing = text[lines[last - 1] : lines[last]].strip().lstrip("> ")
    return last - first > 1 and len(closing) >= len(token.markup) and not closing.strip(token.markup[0])


def _fence_wrapper(text: str, lines: Sequence[int], token: Token) -> Wrapper:
    first, last = token.map or (0, 0)
    opening = text[lines[first] : lines[first + 1]].rstrip()
    start, end = trimmed(text, lines[first], lines[last])
    fence = max(opening.find(token.markup), 0)
    # In an item the marker of the list stands in front of the fence: the parts repeat the fence alone. In a quote all lines are marked.
    mark = opening[:fence] if _QUOTED.fullmatch(opening[:fence]) else ""
    return Wrapper(start, end, mark + opening[fence:], mark + token.markup)


def _row_wrappers(text: str, lines: Sequence[int], token: Token, header: str) -> Iterator[Wrapper]:
    """Yield what parts of a wide row repeat: the header, and the first cell, which says what the row is about."""
    first, last = token.map or (0, 0)
    if len(header) > _LONG_HEADER:
        return
    for line in range(first + 2, last):
        begin, end = lines[line], lines[line + 1]
        if end - begin > _WIDE_ROW and (key := _FIRST_CELL.match(text, begin, end)):
            yield Wrapper(key.end(), end, f"{header}\n{key.group().strip()}", "", joint=" ")


def _table_wrapper(text: str, lines: Sequence[int], token: Token) -> Wrapper:
    first, last = token.map or (0, 0)
    start, end = trimmed(text, lines[first], lines[last])
    return Wrapper(start, end, text[lines[first] : lines[min(first + 2, last)]].strip(), "")
