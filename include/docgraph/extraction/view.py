"""Makes the view that rules get of a parsed document: prose with its inline code, and code apart from it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from docgraph.domain.documents import ParsedDocument
from docgraph.extraction.findings import Code, CodeSpan, DocumentView, Paragraph, SectionView

_FENCE = re.compile(r"[ \t>]*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})")
_TICKS = re.compile(r"`+")
#: Inline code is short; more is a stray backtick.
_MAX_SPAN = 200
_CONTEXT = 60


def view_of(parsed: ParsedDocument) -> DocumentView:
    """Return the view of a document."""
    code: defaultdict[int, list[Code]] = defaultdict(list)
    for block in parsed.code_blocks:
        code[block.section].append(Code(block.language, block.text))
    sections: list[SectionView] = []
    last: tuple[tuple[str, ...], str] | None = None
    for index, (section, place) in enumerate(zip(parsed.sections, parsed.places, strict=True)):
        under = (section.heading_path, place.anchor)
        paragraphs = tuple(Paragraph(text, tuple(code_spans(text))) for text in _paragraphs(section.text))
        sections.append(
            SectionView(section.heading_path, section.text, paragraphs, tuple(code[index]), opens_heading=under != last)
        )
        last = under
    return DocumentView(parsed.title, parsed.source_uri, tuple(sections))


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the runs of lines outside of fences, separated by blank lines."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if fence:
            if match and match.group(1).startswith(fence) and not line[match.end() :].strip():
                fence = ""
            continue
        if match:
            fence = match.group(1)
        if match or not line.strip():
            if lines:
                yield "\n".join(lines)
            lines = []
        else:
            lines.append(line)
    if lines:
        yield "\n".join(lines)


def code_spans(text: str) -> Iterator[CodeSpan]:
    """Yield the inline code of a paragraph: between backtick strings of equal length (CommonMark 6.1), at most 200 characters."""
    runs = [(match.start(), match.end()) for match in _TICKS.finditer(text)]
    later: defaultdict[int, list[int]] = defaultdict(list)
    for start, end in reversed(runs):
        later[end - start].append(start)
    position = 0
    for start, end in runs:
        if start < position:
            continue
        closers = later[end - start]
        while closers and closers[-1] <= start:
            closers.pop()
        if not closers:
            continue
        closing = closers[-1]
        position = closing + end - start
        if closing - end <= _MAX_SPAN:
            content = " ".join(text[end:closing].split())
            yield CodeSpan(content, text[max(start - _CONTEXT, 0) : start], text[position : position + _CONTEXT])
