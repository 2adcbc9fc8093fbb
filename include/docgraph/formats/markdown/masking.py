"""Hides from the Markdown parser what is not Markdown, character for character, so that every offset stays.

What is hidden is left out of the text (`Drop`), except where only its look to the parser has to change: a comment that is never
closed, mathematics, the line that opens an admonition.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from docgraph.formats.markdown.footnotes import DEFINITION, MARKER
from docgraph.formats.outline import Drop

#: Stands for a character that would mean something to the parser and must not; private use, so that no text has it.
VEIL = "\ue000"

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_IMPORT = re.compile(
    r"import\s+(?:[\w*${}\s,]{1,500}?\s+from\s+)?(?:\"[^\"\n]{1,500}\"|'[^'\n]{1,500}')[ \t]*;?[ \t]*(?=\n|$)"
)
_EXPORT = re.compile(
    r"export\s+(?:default\s+(?:(?:async\s+)?function\b|class\b|[({\[]|[\w$.]+(?:\([^\n]{0,500}\))?[ \t]*;?[ \t]*(?=\n|$))"
    r"|(?:const|let|var)\s+[\w${}\[\], ]{1,200}=|(?:async\s+)?function\b|class\s+\w|\{|\*)"
)
_ADMONITION = re.compile(
    r"^([ \t]*)(===[!+]?|!!!|\?\?\?\+?)(?=[ \t]+[\"\w])[ \t]+([\w-]+(?:[ \t]+[\w-]+)*)?[ \t]*(?:\"([^\"\n]{0,300})\")?[ \t]*$",
    re.MULTILINE,
)
_HEADING_SIGN = re.compile(r"[^\S\n]*#")
_COMMENT_LINE = re.compile(r"^\{/\*", re.MULTILINE)
_MATH = re.compile(r"^ {0,3}\$\$[ \t]*$", re.MULTILINE)
_MYST_COMMENT = re.compile(r"^(?:%[^\n]*|\+\+\+(?:[ \t][^\n]*)?)$", re.MULTILINE)
_MYST_SIGN = re.compile(r"^(?:\([\w:.,/ -]{1,200}\)=[ \t]*|(?:```+|:::+)\{[\w:-]+\}.*)$", re.MULTILINE)
_COLON_FENCE = re.compile(
    r"^[ \t]*:{3,}(?:[ \t]*(?:\{[\w:-]+\}|[\w-]+))?[ \t]*(\[[^\]\n]{0,300}\]|[^\n{}:]{0,300})?[ \t]*$", re.MULTILINE
)
_BRACE = re.compile(r"[{}]")
_OPTION = re.compile(r"^[ \t]*:[\w-]{1,60}:(?:[ \t][^\n]*)?$")
#: The slash of a closing one stands apart from the name, or belongs to it.
_HUGO_OPENINGS = tuple(re.compile(rf"\{{\{{[<%]\s*{slash}(?!(?:rel)?ref\b)[\w./-]+") for slash in (r"(?:/\s*)?", ""))
_MAX_ARGUMENTS = 500


@dataclass(slots=True)
class Masked:
    """What the parser is given in place of the text (as long as the text), and what is left out of the text."""

    text: str
    drops: list[Drop] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: Labels of footnotes by the offset at which each begins.
    notes: dict[int, str] = field(default_factory=dict)
    #: Ranges of fenced code at the margin.
    code: list[tuple[int, int]] = field(default_factory=list)


def is_mdx(text: str, start: int) -> bool:
    """Whether a document without the extension is MDX all the same: it begins with imports, or a line with a comment of MDX."""
    if _IMPORT.match(text, _skip_blank(text, start)):
        return True
    code = iter(_fenced(text, start))
    left, right = next(code, (len(text), len(text)))
    for comment in _COMMENT_LINE.finditer(text, start):
        while right <= comment.start() < len(text) and left < len(text):
            left, right = next(code, (len(text), len(text)))
        if not left <= comment.start() < right:
            return True
    return False


def is_mkdocs(text: str, start: int) -> bool:
    """Tell whether a document has tabs or admonitions of MkDocs, whose anchors are Python-Markdown's."""
    return _ADMONITION.search(text, start) is not None


def mask(text: str, start: int, *, mdx: bool) -> Masked:
    """Return what to parse of `text` from the offset `start` on."""
    characters = list(text)
    code = list(_fenced(text, start))
    found = Masked(text, code=code)
    code_starts = [left for left, _ in code]

    def in_code(offset: int) -> bool:
        index = bisect_right(code_starts, offset) - 1
        return index >= 0 and offset < code[index][1]

    def blank(left: int, right: int, replacement: str = "") -> None:
        for position in range(left, right):
            if characters[position] != "\n":
                characters[position] = " "
        found.drops.append(Drop(left, right, replacement))

    if mdx:
        for left, right in _modules(text, start):
            if not in_code(left):
                blank(left, right)
        for left, right in _mdx_comments(text, start):
            if not in_code(left):
                blank(left, right)
    if "<!--" in text:
        last_closing = text.rfind("-->")
        counted, line = 0, 1
        for match in re.finditer(r"^ {0,3}(<)!--", text[start:], re.MULTILINE):
            offset = start + match.start(1)
            if last_closing < offset + 4 and not in_code(offset):
                characters[offset] = VEIL
                line += text.count("\n", counted, offset)
                counted = offset
                found.warnings.append(f"Line {line}: the comment is never closed, so it is read as text")
    if "$$" in text:
        _veil_mathematics(text, start, characters, in_code)
    for match in DEFINITION.finditer(text, start):
        if not in_code(match.start()):
            begin, end = match.span(1)
            characters[begin:end] = MARKER.ljust(end - begin, VEIL)
            found.notes[begin] = match.group(2)
    for match in _ADMONITION.finditer(text, start):
        kind, title = match.group(3) or "", match.group(4)
        if (match.group(2).startswith("===") and title is None) or in_code(match.start()):
            continue
        # An item of a list has its content four columns in, as an admonition has.
        begin = match.start(2)
        characters[begin : begin + 4] = "-   "
        if characters[begin + 4 : begin + 5] == [" "]:
            characters[begin + 4] = VEIL
        label = kind.split()[0].capitalize() if title is None and kind else title or ""
        found.drops.append(Drop(begin, match.end(), label))
    if _MYST_SIGN.search(text, start):
        for match in _MYST_COMMENT.finditer(text, start):
            if not in_code(match.start()):
                blank(match.start(), match.end())
    if ":::" in text:
        for match in _COLON_FENCE.finditer(text, start):
            if not in_code(match.start()):
                label = (match.group(1) or "").strip().strip("[]")
                if label:
                    # The line stays a line for the parser, and its title is what it says.
                    found.drops.append(Drop(match.start(), match.end(), label))
                else:
                    blank(match.start(), match.end())
                _blank_options(text, match.end() + 1, blank)
    if "{{" in text:
        for left, right in _hugo_blocks(text, start):
            if not in_code(left):
                blank(left, right)
    found.text = "".join(characters)
    found.drops.sort(key=lambda drop: drop.start)
    return found


def unveiled(masked: str, text: str, offset: int) -> str:
    """Return what a piece of the masked text stands for, given where it stands."""
    return "".join(text[offset + n] if c == VEIL else c for n, c in enumerate(masked)) if VEIL in masked else masked


def comment_ranges(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of HTML comments that don't stand in code spans; one that is not closed here is text (CommonMark 6.6)."""
    if text.find("-->", start, end) < 0:
        return
    runs = [(match.start(), len(match.group())) for match in re.finditer(r"`+", text[start:end])]
    later: dict[int, list[int]] = {}
    for offset, length in reversed(runs):
        later.setdefault(length, []).append(start + offset)
    position = start
    last_closing = text.rfind("-->", start, end)
    for offset, length in [*((start + offset, length) for offset, length in runs), (end, 0)]:
        if offset < position:
            continue
        while (opening := text.find("<!--", position, offset)) >= 0:
            # One that is never closed is not looked for to the end of the text: there may be thousands.
            if last_closing < opening + 4:
                position = opening + 4
                continue
            closing = text.find("-->", opening + 4, end)
            position = closing + 3
            yield opening, position
        if offset < position or not length:
            continue
        closers = later[length]
        while closers and closers[-1] <= offset:
            closers.pop()
        position = (closers[-1] if closers else offset) + length


def _skip_blank(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _fenced(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of fenced code at the margin of the document."""
    position, opened, mark = start, -1, ""
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        match = _FENCE.match(text, position, end)
        if opened < 0 and match:
            opened, mark = position, match.group(1)
        elif match and match.group(1).startswith(mark) and not text[match.end() : end].strip():
            yield opened, end
            opened = -1
        position = end + 1
    if opened >= 0:
        yield opened, len(text)


def _modules(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of imports and exports that begin a line: an export reaches to where its brackets are closed."""
    position = start
    while position < len(text):
        line_end = text.find("\n", position)
        line_end = len(text) if line_end < 0 else line_end
        if match := _IMPORT.match(text, position):
            yield position, match.end()
            line_end = max(line_end, match.end())
        elif _EXPORT.match(text, position):
            end = _statement_end(text, position)
            yield position, end
            line_end = max(line_end, end)
        position = line_end + 1


def _statement_end(text: str, start: int) -> int:
    """Return where a statement of JavaScript ends: at the end of a line with no bracket, string or comment open."""
    depth, position, quote = 0, start, ""
    while position < len(text):
        character = text[position]
        if quote:
            if character == "\\":
                position += 1
            elif character == quote or (character == "\n" and quote != "`"):
                quote = ""
        elif character in "\"'`":
            quote = character
        elif text.startswith("//", position):
            position = text.find("\n", position)
            if position < 0:
                return len(text)
            continue
        elif text.startswith("/*", position):
            closing = text.find("*/", position + 2)
            if closing < 0:
                return len(text)
            position = closing + 1
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "\n" and depth <= 0:
            return position
        position += 1
    return len(text)


def _mdx_comments(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of `{/* … */}` that don't stand in code spans of their line."""
    # What stands in front of a comment on its line is counted on from the comment before it.
    position = counted = start
    ticks, is_heading = 0, bool(_HEADING_SIGN.match(text, start))
    while (opening := text.find("{/*", position)) >= 0:
        closing = text.find("*/}", opening + 3)
        if closing < 0:
            return
        position = closing + 3
        if (begin := text.rfind("\n", counted, opening) + 1) > 0:
            ticks, counted, is_heading = 0, begin, bool(_HEADING_SIGN.match(text, begin))
        ticks += text.count("`", counted, opening)
        counted = opening
        if ticks % 2 == 0 and not is_heading:
            yield opening, position


def _hugo_blocks(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of Hugo's shortcodes but for links; their arguments stand on one line and have no braces."""
    position = start
    while opening := _HUGO_OPENINGS[0].search(text, position):
        position = opening.start() + 1
        brace = _BRACE.search(text, opening.end())
        if brace is None:
            return
        end = brace.start()
        if not text.startswith("}}", end) or text[end - 1] not in ">%":
            continue
        names = (pattern.match(text, opening.start()) for pattern in _HUGO_OPENINGS)
        if any(name and _are_arguments(text[name.end() : end - 1]) for name in names):
            position = end + 2
            yield opening.start(), position


def _are_arguments(between: str) -> bool:
    arguments = between.removesuffix("/").rstrip()
    on_one_line = len(arguments) <= _MAX_ARGUMENTS + 1 and "\n" not in arguments[1:]
    return not arguments or (arguments[0].isspace() and on_one_line)


def _veil_mathematics(text: str, start: int, characters: list[str], in_code: object) -> None:
    """Let no line of a `$$` block begin a heading, a list or a quote."""
    assert callable(in_code)
    edges = [match for match in _MATH.finditer(text, start) if not in_code(match.start())]
    for opening, closing in zip(edges[::2], edges[1::2], strict=False):
        for match in re.finditer(r"^[ \t]*([=\-#>*+\d])", text[opening.end() : closing.start()], re.MULTILINE):
            characters[opening.end() + match.start(1)] = VEIL


def _blank_options(text: str, position: int, blank: object) -> None:
    """Hide the option lines (`:name: value`) that follow the line that opens a directive."""
    assert callable(blank)
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if not _OPTION.match(text[position:end]):
            return
        blank(position, end)
        position = end + 1
