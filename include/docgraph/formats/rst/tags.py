"""Decides which parts of a document `.. only::` shows, as Sphinx does when it builds HTML."""

from __future__ import annotations

import re

_TAGS = frozenset({"html", "builder_html", "format_html"})
_TOKENS = re.compile(r"[\w.-]+|[()]")
_MAX_TOKENS = 200


def is_shown(expression: str) -> bool:
    """Tell whether an expression of tags (`html and not latex`) holds; one that is none shows its part."""
    tokens = _TOKENS.findall(expression)
    if not tokens or len(tokens) > _MAX_TOKENS or re.sub(r"[\w.()\s-]", "", expression):
        return True
    value, rest = _either(tokens)
    return value if not rest else True


def _either(tokens: list[str]) -> tuple[bool, list[str]]:
    value, rest = _both(tokens)
    while rest[:1] == ["or"]:
        other, rest = _both(rest[1:])
        value = value or other
    return value, rest


def _both(tokens: list[str]) -> tuple[bool, list[str]]:
    value, rest = _single(tokens)
    while rest[:1] == ["and"]:
        other, rest = _single(rest[1:])
        value = value and other
    return value, rest


def _single(tokens: list[str]) -> tuple[bool, list[str]]:
    if tokens[:1] == ["not"]:
        value, rest = _single(tokens[1:])
        return not value, rest
    if tokens[:1] == ["("]:
        value, rest = _either(tokens[1:])
        return value, rest[1:]
    return bool(tokens) and tokens[0] in _TAGS, tokens[1:]
