"""Makes the outline of Markdown (CommonMark with GFM tables and strikethrough). Renders nothing.

Blocks are found by markdown-it-py. Inline syntax is read only in headings and where a link may be, and only up to a size, because
that is the part whose time can grow faster than the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from docgraph.formats.anchors import AnchorBook
from docgraph.formats.markdown.anatomy import anatomy, is_closed, sentences
from docgraph.formats.markdown.embedded_html import embedded_headings, html_anatomy, tag_drops
from docgraph.formats.markdown.fences import language_of, options_of
from docgraph.formats.markdown.footnotes import MARKER, Note, place
from docgraph.formats.markdown.headings import ROLE, plain, readable, split_attributes
from docgraph.formats.markdown.interruptions import use_interruptions
from docgraph.formats.markdown.masking import comment_ranges, is_mkdocs, mask
from docgraph.formats.markdown.site_links import site_links
from docgraph.formats.markdown.tables import ROW, cells_of
from docgraph.formats.outline import (
    Block,
    Drop,
    FoundCode,
    FoundLink,
    Outline,
    OutlineSection,
    trimmed,
)

#: Blocks nested deeper are text of the block around them.
_MAX_NESTING = 20
#: Inline text above either bound is searched for links with a plain pattern.
_MAX_INLINE = 50_000
_MAX_INLINE_BRACKETS = 1_000
_MAX_WARNINGS = 20

_PLAIN_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(([^()\s<>]{1,1000})\)")
#: Of HTML, or of a component (`<LinkCard href="/x">`).
_HTML_LINK = re.compile(r"<(?:[aA]|[A-Z][\w.]{0,60})\s(?:[^<>]{0,300}?\s)?href\s*=\s*[\"']([^\"'<>\s]{1,1000})[\"']")
_DATA_URI = re.compile(r"(data:[\w.+-]{1,40}/[\w.+-]{1,80}(?:;[\w=.-]{1,80}){0,4};base64,)[A-Za-z0-9+/=]{80,}")
_ONE_LABEL = re.compile(r"\(([\w:.,/ -]{1,200})\)=")
_LABEL = re.compile(r"^\([\w:.,/ -]{1,200}\)=[ \t]*$", re.MULTILINE)


class _Markdown(MarkdownIt):
    """markdown-it without its treatment of addresses: `docgraph.domain.identity` has its own, and any address is only kept."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url

    def validateLink(self, url: str) -> bool:  # noqa: N802
        del url
        return True


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = _Markdown("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
    use_interruptions(parser)
    return parser


@lru_cache(maxsize=1)
def _link_parser() -> MarkdownIt:
    # Emphasis is of no interest to links, and the costliest of the inline rules.
    return _Markdown("commonmark", {"maxNesting": _MAX_NESTING}).disable(["emphasis", "newline"])


def read_markdown(text: str, start: int, *, mdx: bool = False) -> Outline:
    """Read the outline of the Markdown in `text` from the offset `start` on.

    Headings in quotes, lists and HTML are no section borders. Comments, link definitions, cross-reference labels, rules,
    and lines that are only tags (in MDX also imports, exports) are left out.
    """
    return _Reader(text, start, mdx=mdx).read()


class _Reader:
    """One pass over the top-level tokens of one document."""

    def __init__(self, text: str, start: int, *, mdx: bool) -> None:
        self.text = text
        self.mdx = mdx
        self.lines = _line_offsets(text, start)
        self.environment: dict[str, Any] = {}
        self.tokens: list[Token] = []
        parser = _parser()
        masked = mask(text, start, mdx=mdx)
        self.masked = masked.text
        self.hidden = masked.drops
        self.labels = masked.notes
        self.fenced = masked.code
        self.notes: list[Note] = []
        self.hidden_starts = [drop.start for drop in masked.drops]
        parser.block.parse(masked.text[start:], parser, self.environment, self.tokens)
        self.anchors = AnchorBook(is_python=is_mkdocs(text, start))
        self.warnings: list[str] = masked.warnings
        #: The label that MyST gives to what follows it.
        self.label = ""
        self.sections = [OutlineSection(0, (), "", start)]
        self.title: str | None = None

    def read(self) -> Outline:
        headings: list[tuple[int, str]] = []
        for first, last in _top_level(self.tokens):
            token = self.tokens[first]
            if token.type == "heading_open":
                headings = self._open_section(first, headings)
            elif token.type == "html_block":
                headings = self._add_html(*self._range(token), headings)
            else:
                for begin, end in self._blocks(first, last):
                    self._add_block(begin, end)
        place(self.notes, self.sections, self.text, self.fenced)
        return Outline(self.title, tuple(self.sections), tuple(self.warnings[:_MAX_WARNINGS]))

    def _open_section(self, index: int, above: list[tuple[int, str]]) -> list[tuple[int, str]]:
        token, inline = self.tokens[index], self.tokens[index + 1]
        name, anchor, words = self._heading(inline)
        start, end = self._range(token)
        path = self._begin(int(token.tag[1]), name, anchor, words, (start, end), above)
        self.sections[-1].links.extend(self._links(inline))
        return path

    def _begin(
        self, level: int, name: str, anchor: str, words: str, place: tuple[int, int], above: list[tuple[int, str]]
    ) -> list[tuple[int, str]]:
        """Begin a section; `words` is the name before its spaces were folded, from which GitHub makes the anchor."""
        anchor, self.label = anchor or self.label, ""
        if self.title is None and level == 1 and name:
            self.title = name
        path = [(depth, heading) for depth, heading in above if depth < level]
        if name:
            path.append((level, name))
        start, end = place
        block = Block(start, end, partial(sentences, self.text, start, end)) if name else None
        self.sections.append(
            OutlineSection(
                level,
                tuple(heading for _, heading in path),
                self.anchors.take(anchor or words, given=bool(anchor)),
                start,
                block,
            )
        )
        return path

    def _heading(self, inline: Token) -> tuple[str, str, str]:
        source, anchor = split_attributes(inline.content)
        source = readable(source)
        if self._is_readable(source):
            children: list[Token] = []
            _parser().inline.parse(source, _parser(), self.environment, children)
            source = plain(children)
        return " ".join(source.split()), anchor, source.strip()

    def _add_html(self, start: int, end: int, above: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Add a block of HTML: what stands between its headings is text, without tags."""
        position = start
        for heading in embedded_headings(self.text, start, end):
            self._add_html_text(position, heading.start)
            above = self._begin(
                heading.level, heading.name, heading.anchor, heading.name, (heading.start, heading.end), above
            )
            position = heading.end
        self._add_html_text(position, end)
        return above

    def _add_html_text(self, start: int, end: int) -> None:
        start, end = trimmed(self.text, start, end)
        drops = self._drops(start, end, [*tag_drops(self.text, start, end)])
        if start < end and _without(self.text, start, end, drops).strip():
            self.sections[-1].blocks.append(Block(start, end, partial(html_anatomy, self.text, start, end), drops))
        for match in _HTML_LINK.finditer(self.text, start, end):
            self.sections[-1].links.append(FoundLink(match.start(), match.group(1), ""))

    def _blocks(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the block itself, or, where it is a list of footnotes to the parser, each of them."""
        is_list = bool(self.labels) and self.tokens[first].markup == MARKER.strip()
        items = list(_top_level(self.tokens[first + 1 : last], level=1)) if is_list else []
        if not any(self._range(self.tokens[first + 1 + begin])[0] in self.labels for begin, _ in items):
            yield first, last
            return
        for begin, end in items:
            yield first + 1 + begin, first + 1 + end

    def _add_block(self, first: int, last: int) -> None:
        token = self.tokens[first]
        start, end = self._range(token)
        if start == end or token.type == "hr":
            return
        if label := _ONE_LABEL.fullmatch(self.text[start:end].strip()):
            self.label = label.group(1)
        drops = self._option_drops(token) if token.type in ("fence", "code_block") else self._drops(start, end)
        kept = self.text[start:end] if not drops else _without(self.text, start, end, drops)
        if not kept.strip():
            return
        tokens = self.tokens[first : last + 1]
        section = self.sections[-1]
        section.blocks.append(
            Block(
                start,
                end,
                partial(anatomy, self.text, self.lines, tokens, start, end),
                drops,
                keeps_indent=token.type == "code_block",
                leads_in=token.type == "paragraph_open" and kept.rstrip().endswith((":", ":**", ":*", ":</p>")),
            )
        )
        links, code = len(section.links), len(section.code)
        for inner in tokens:
            if inner.type == "inline":
                section.links.extend(self._links(inner))
            elif inner.type == ROW:
                section.links.extend(self._links_of_row(inner))
            elif inner.type == "html_block":
                section.links.extend(self._html_links(inner))
            elif inner.type == "fence":
                section.code.extend(self._code(inner))
        if (note := self.labels.get(start)) is not None:
            found = tuple(section.links[links:]), tuple(section.code[code:])
            self.notes.append(Note(note, section, section.blocks[-1], *found))

    def _range(self, token: Token) -> tuple[int, int]:
        first, last = token.map or (0, 0)
        start, end = self.lines[first], self.lines[last]
        if token.type == "code_block":
            return start, start + len(self.text[start:end].rstrip())
        return trimmed(self.text, start, end)

    def _drops(self, start: int, end: int, further: Sequence[Drop] = ()) -> tuple[Drop, ...]:
        first, last = bisect_left(self.hidden_starts, start), bisect_left(self.hidden_starts, end)
        drops = [*further, *self.hidden[first:last]]
        if self.text.find("<!--", start, end) >= 0:
            drops += [Drop(left, right) for left, right in comment_ranges(self.text, start, end)]
        if self.text.find(")=", start, end) >= 0:
            drops += [Drop(m.start(), m.end()) for m in _LABEL.finditer(self.text, start, end)]
        if self.text.find("}`", start, end) >= 0:
            drops += [Drop(m.start(), m.end()) for m in ROLE.finditer(self.text, start, end)]
        if self.text.find(";base64,", start, end) >= 0:
            drops += [Drop(m.end(1), m.end(), "…") for m in _DATA_URI.finditer(self.text, start, end)]
        # The widest of those that begin together, so that a comment with tags in it goes whole.
        drops.sort(key=lambda drop: (drop.start, -drop.end))
        apart: list[Drop] = []
        for drop in drops:
            if drop.start >= start and (not apart or drop.start >= apart[-1].end):
                apart.append(Drop(drop.start, min(drop.end, end), drop.replacement))
        return tuple(apart)

    def _is_readable(self, source: str) -> bool:
        return len(source) <= _MAX_INLINE and source.count("[") <= _MAX_INLINE_BRACKETS

    def _links(self, inline: Token) -> Iterator[FoundLink]:
        source = inline.content
        if "[" not in source and "<" not in source and "{" not in source:
            return
        first, last = inline.map or (0, 0)
        start, end = self.lines[first], self.lines[last]
        if self._is_readable(source):
            yield from self._links_in(source, start, end)
        else:
            yield from self._plain_links(start, end)

    def _links_of_row(self, row: Token) -> Iterator[FoundLink]:
        """Yield the links of a row of a table, each at its place in the row."""
        cells = [cell for cell in cells_of(row) if self._is_readable(cell.source)]
        if len(cells) < len(cells_of(row)):
            first, last = row.map or (0, 0)
            yield from self._plain_links(self.lines[first], self.lines[last])
        # The parser's offsets begin where the front matter ends.
        offset = self.lines[0]
        for cell in cells:
            yield from self._links_in(cell.source, offset + cell.start, offset + cell.end)

    def _plain_links(self, start: int, end: int) -> Iterator[FoundLink]:
        for match in _PLAIN_LINK.finditer(self.text, start, end):
            yield FoundLink(match.start(), match.group(2), match.group(1))

    def _links_in(self, source: str, start: int, end: int) -> Iterator[FoundLink]:
        """Yield the links in inline Markdown that stands in this range of the text."""
        children: list[Token] = []
        _link_parser().inline.parse(source, _link_parser(), self.environment, children)
        position = start
        for reference, label in _links_of(children):
            # Inline tokens have no offsets: links are in the source's order, so that the next place of the label is the link's.
            position = max(self.text.find(label[:40] or reference, position, end), position)
            yield FoundLink(position, reference, label)
        for link in site_links(children):
            position = self.text.find(link.place[:40], start, end)
            yield FoundLink(max(position, start), link.reference, link.text, link.kind)

    def _html_links(self, token: Token) -> Iterator[FoundLink]:
        first, last = token.map or (0, 0)
        for match in _HTML_LINK.finditer(self.text, self.lines[first], self.lines[last]):
            yield FoundLink(match.start(), match.group(1), "")

    def _option_drops(self, token: Token) -> tuple[Drop, ...]:
        first, _ = token.map or (0, 0)
        count = options_of(token.info, token.content)
        return (Drop(self.lines[first + 1], self.lines[first + 1 + count]),) if count else ()

    def _code(self, token: Token) -> Iterator[FoundCode]:
        first, last = token.map or (0, 0)
        if not is_closed(self.text, self.lines, token):
            self.warnings.append(f"Line {self._line_number(first)}: the code fence is never closed")
        language = language_of(token.info)
        if language is None:
            return
        content = token.content.removesuffix("\n").split("\n")
        lines = tuple((self.lines[min(first + 1 + number, last)], line) for number, line in enumerate(content))
        yield FoundCode(language, lines[options_of(token.info, token.content) :])

    def _line_number(self, line: int) -> int:
        return self.text.count("\n", 0, self.lines[line]) + 1


def _line_offsets(text: str, start: int) -> list[int]:
    """Return the offset of each line from `start` on, and the end of the text."""
    offsets = [start]
    position = text.find("\n", start)
    while position >= 0:
        offsets.append(position + 1)
        position = text.find("\n", position + 1)
    offsets.append(len(text))
    return offsets


def _top_level(tokens: Sequence[Token], level: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each block at the outermost level, or at one below it."""
    first = 0
    for index, token in enumerate(tokens):
        if token.level == level:
            if token.nesting == 1:
                first = index
            else:
                yield (first if token.nesting == -1 else index), index


def _links_of(children: Sequence[Token]) -> Iterator[tuple[str, str]]:
    reference: str | None = None
    label: list[str] = []
    for child in children:
        if child.type == "link_open":
            reference, label = str(child.attrs.get("href", "")), []
        elif child.type == "link_close" and reference is not None:
            yield reference, "".join(label)
            reference = None
        elif reference is not None:
            label.append(plain([child]))
        elif child.type == "html_inline":
            match = _HTML_LINK.match(child.content)
            if match:
                yield match.group(1), ""


def _without(text: str, start: int, end: int, drops: Sequence[Drop]) -> str:
    pieces = []
    for drop in drops:
        pieces += [text[start : drop.start], drop.replacement]
        start = drop.end
    return "".join([*pieces, text[start:end]])
