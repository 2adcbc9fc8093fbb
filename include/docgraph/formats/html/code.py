"""Reads blocks of code: their text to the character, without gutters, and the language that their classes name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docgraph.formats.html.chrome import classes_of, is_left_out

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_LINES = frozenset({"div", "li", "p", "tr"})
_CLASS = re.compile(r"(?:highlight-source|highlight|language|lang|brush:?|src)[-:]([\w.+#-]{1,40})", re.IGNORECASE)
#: Classes of elements that hold code and whose other class is its language (pandoc, Org, Rouge, AsciiDoc's source-highlight).
_BESIDE = frozenset({"sourceCode", "src", "listing", "programlisting", "brush:", "source"})
_WORD = re.compile(r"[A-Za-z][\w.+#-]{0,30}")
_NO_LANGUAGE = frozenset(
    [
        "default",
        "false",
        "ignore",
        "nohighlight",
        "no-highlight",
        "none",
        "numberlines",
        "plain",
        "plaintext",
        "raw",
        "text",
        "txt",
        "highlighter-rouge",
        "code",
        "literal",
        "listingblock",
        "highlight",
        "notranslate",
        "content",
        "line-numbers",
    ]
)
_NAMES = {"python3": "python", "pycon3": "pycon", "shell-session": "console", "ipython3": "python", "py": "python"}
#: How far above a block the element that names its language may stand; a table with line numbers may be between.
_HEIGHT = 4
_OF_TABLE = frozenset({"table", "tbody", "td", "tr"})


def code_text(node: LexborNode) -> str:
    """Return the text of a block of code."""
    pieces: list[str] = []
    todo: list[LexborNode | str] = [node]
    while todo:
        step = todo.pop()
        if isinstance(step, str):
            if pieces and not pieces[-1].endswith("\n"):
                pieces.append(step)
            continue
        if step is not node and step.next is not None:
            todo.append(step.next)
        if step.is_text_node:
            pieces.append(step.text_content or "")
            continue
        tag = step.tag or ""
        if tag == "br":
            pieces.append("\n")
            continue
        if step is not node:
            attributes = step.attributes if step.is_element_node else {}
            if not step.is_element_node or is_left_out(tag, attributes, classes_of(attributes)):
                continue
            if tag in _LINES:
                todo.append("\n")
        if step.first_child is not None:
            todo.append(step.first_child)
    return "".join(pieces).replace("\u200b", "")


def language(node: LexborNode) -> str:
    """Return the language of a block of code, or "" where nothing names it."""
    inner = node.css_first("code")
    around: LexborNode | None = inner if inner is not None else node
    height = 0
    while around is not None and height < _HEIGHT and around.tag != "body":
        if (found := _named(around)) is not None:
            return found
        height += around.tag not in _OF_TABLE
        around = around.parent
    return ""


def _named(node: LexborNode) -> str | None:
    attributes = node.attributes
    for name in ("data-lang", "data-language"):
        if value := attributes.get(name):
            return _spelled(value)
    classes = classes_of(attributes)
    for name in classes:
        if (match := _CLASS.fullmatch(name)) is not None:
            return _spelled(match.group(1))
    if not _BESIDE.isdisjoint(classes) and (node.tag in ("code", "pre") or "sourceCode" in classes):
        for name in classes:
            if name not in _BESIDE and _WORD.fullmatch(name.rstrip(";")) and _spelled(name.rstrip(";")):
                return _spelled(name.rstrip(";"))
    return None


def _spelled(name: str) -> str:
    name = name.lower()
    return "" if name in _NO_LANGUAGE else _NAMES.get(name, name)
