"""Takes the questions out of a page: each heading that asks becomes `Entry 1`, `Entry 2`, … where the page is indexed. Pure.

Reads the headings of Markdown, AsciiDoc and reStructuredText line by line, because what is indexed stays the page as its authors
wrote it in all other lines. What a heading says may still be said elsewhere, as it is where the question is a reader's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Words of a heading that is asked; shorter ones are terms (`Installation`).
LEAST_WORDS = 3
_FENCE = re.compile(r"^\s{0,12}(```+|~~~+|----+$)(?!.*```)")
_HASHES = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_EQUALS = re.compile(r"^(={1,6})\s+(\S.*?)\s*$")
_RULE = re.compile(r"^([=\-`:'\"~^_*+#<>.!])\1{2,}\s*$")
_FRONT = re.compile(r"^(title|description):\s*(.*)$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|:[\w:]+:`([^`<]*?)\s*(?:<[^>`]*>)?`|`([^`<]+?)\s*<[^>`]*>`_+")
_MARKUP = re.compile(r"[`*|\\]|\s*\{:?\s*#[\w-]+\}|(?<=\w)_(?=\W|$)")


@dataclass(frozen=True, slots=True)
class Held:
    """A page without its questions: what is indexed, and each question by the heading that stands in its place."""

    text: str
    questions: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Heading:
    """A heading with the line that it is on (counted from 0), the part of it that is replaced, and its depth in this page."""

    line: int
    raw: str
    depth: int

    @property
    def text(self) -> str:
        spoken = _LINK.sub(lambda match: next(group for group in match.groups() if group is not None), self.raw)
        return " ".join(_MARKUP.sub("", spoken).split()).removeprefix("Q: ")


def hold_out(text: str, suffix: str, *, below: str = "", titles: bool = False) -> Held:
    """Return the page without the headings that ask: those without headings below them (the innermost), or the page's title.

    `suffix` is the ending of the page's name. `below` takes only the headings below the one that says this. A heading that goes on
    from the one around it (`How do I…`, `…enter an ID?`) is joined with it to one question.
    """
    lines = text.split("\n")
    headings = list(
        _underlined(lines) if suffix == ".rst" else _marked(lines, _EQUALS if suffix == ".adoc" else _HASHES)
    )
    if titles:
        return _without_title(lines, headings)
    questions: dict[str, str] = {}
    is_asking, depth = not below, 0
    for place, heading in enumerate(headings):
        if below and (heading.text == below or heading.depth <= depth):
            is_asking, depth = heading.text == below, heading.depth
        is_innermost = place + 1 == len(headings) or headings[place + 1].depth <= heading.depth
        question = _question(headings, place)
        if not is_asking or not is_innermost or len(question.split()) < LEAST_WORDS:
            continue
        entry = f"Entry {len(questions) + 1}"
        questions[entry] = question
        lines[heading.line] = lines[heading.line].replace(heading.raw, entry)
    return Held("\n".join(lines), questions)


def _without_title(lines: list[str], headings: Sequence[_Heading]) -> Held:
    """Take the title out of the front matter and the first heading, and the summary with it, which says the same again."""
    title = ""
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == "---" or lines[0].strip() != "---":
            break
        match = _FRONT.match(line)
        if match:
            title = _unquoted(match.group(2)) if match.group(1) == "title" else title
            lines[number] = f"{match.group(1)}: Entry 1"
    if headings and headings[0].depth == 1:
        title = title or headings[0].text
        lines[headings[0].line] = "# Entry 1"
    return Held("\n".join(lines), {"Entry 1": title} if len(title.split()) >= LEAST_WORDS else {})


def _unquoted(value: str) -> str:
    quote = value[:1]
    return value[1:-1] if len(value) > 1 and quote in "'\"" and value.endswith(quote) else value.strip()


def _question(headings: Sequence[_Heading], place: int) -> str:
    heading = headings[place]
    if not heading.text.startswith(("…", "...")):
        return heading.text
    above = (h for h in reversed(headings[:place]) if h.depth < heading.depth)
    around = next((h.text for h in above if not h.text.startswith(("…", "..."))), "")
    return f"{around.rstrip('….')} {heading.text.lstrip('….')}".strip()


def _marked(lines: Sequence[str], mark: re.Pattern[str]) -> Iterator[_Heading]:
    fence = ""
    for number, line in enumerate(lines):
        match = _FENCE.match(line)
        if match and (not fence or match.group(1).startswith(fence)):
            fence = "" if fence else match.group(1)
            continue
        found = mark.match(line)
        if found and not fence:
            yield _Heading(number, found.group(2), len(found.group(1)))


def _underlined(lines: Sequence[str]) -> Iterator[_Heading]:
    depths: dict[tuple[str, bool], int] = {}
    for number in range(len(lines) - 1):
        title, rule = lines[number], _RULE.match(lines[number + 1])
        if not rule or not title.strip() or (title[0].isspace() and not (number and _RULE.match(lines[number - 1]))):
            continue
        if _RULE.match(title) or len(lines[number + 1].rstrip()) < len(title.strip()):
            continue
        over = number > 0 and lines[number - 1].rstrip() == lines[number + 1].rstrip()
        if not over and number > 0 and lines[number - 1].strip() and not _RULE.match(lines[number - 1]):
            continue
        style = (rule.group(1), over)
        yield _Heading(number, title.strip(), depths.setdefault(style, len(depths) + 1))
