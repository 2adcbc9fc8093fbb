"""What a heading says and which anchor it has: attribute lists, ids in comments, tags and line breaks are no words of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.token import Token

_VALUE = r"(?:\"[^\"{}]{0,200}\"|'[^'{}]{0,200}'|[^\s{}\"']{1,200})"
_ATTRIBUTE = rf"(?:[#.][^\s{{}}]{{1,200}}|[\w:-]{{1,60}}={_VALUE}|data-[\w-]{{1,60}})"
#: Pandoc's, Python-Markdown's and kramdown's: `{#id .class key="value"}`, in any order.
_ATTRIBUTES = re.compile(rf"\{{\s*(?::\s*)?({_ATTRIBUTE}(?:\s+{_ATTRIBUTE}){{0,20}})\s*\}}\s*$")
_ID = re.compile(r"(?:^|\s)#([^\s{}]{1,200})")
#: Docusaurus' `{/* #id */}`, and the bare id of others.
_COMMENTED_ID = re.compile(r"\{/\*\s*#?([\w-]{1,200})\s*\*/\}\s*$")
#: A role of MyST; `${HOME}` in code is none.
ROLE = re.compile(r"(?<![\w$`{])\{[a-z][\w:.+-]{0,60}\}(?=`)")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def split_attributes(source: str) -> tuple[str, str]:
    """Return a heading's source without its attributes, and the id that they give ("" if none)."""
    tail = source[-1000:]
    for pattern in (_ATTRIBUTES, _COMMENTED_ID):
        found = pattern.search(tail)
        if found:
            given = _ID.search(found.group(1)) if pattern is _ATTRIBUTES else found
            return source[: len(source) - len(found.group())].rstrip(), given.group(1) if given else ""
    return source, ""


def readable(source: str) -> str:
    """Return the inline Markdown of a heading without what has no words: role names, comments of MDX."""
    return ROLE.sub("", _without_comments(source))


def _without_comments(source: str) -> str:
    """Leave out comments of MDX, each on one line, and the spaces in front of them."""
    kept: list[str] = []
    position = 0
    while (opening := source.find("{/*", position)) >= 0 and (closing := source.find("*/}", opening + 3)) >= 0:
        line_end = source.find("\n", opening, closing)
        if line_end >= 0:
            kept.append(source[position:line_end])
            position = line_end
            continue
        kept.append(source[position:opening].rstrip())
        position = closing + 3
    return "".join([*kept, source[position:]]) if position else source


def plain(children: Sequence[Token]) -> str:
    """Return the words of parsed inline Markdown; a line break separates them."""
    return "".join(_plain(child) for child in children)


def _plain(token: Token) -> str:
    if token.type == "image":
        return token.content
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type == "html_inline":
        return " " if _BREAK.fullmatch(token.content) else ""
    return token.content
