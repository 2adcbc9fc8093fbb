"""Parts of identifiers as index text, because no analyzer of the full-text index splits them. Pure text to text."""

from __future__ import annotations

import re

_IDENTIFIER = re.compile(r"[^\W_](?:[\w.:/\\-]{0,126}\w)?")
_PART = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMPOSED = re.compile(r"[_.:/\\-]|[a-z0-9][A-Z]|[A-Z][A-Z][a-z]")
_MAX_PARTS = 400
_MAX_PART = 40


def identifier_parts(text: str) -> str:
    """Return the lower-cased parts of the identifiers in `text`: camelCase, snake_case, dotted, --kebab-options.

    Each part once, in order of appearance, separated by spaces, at most 400 of them.
    """
    parts: dict[str, None] = {}
    for match in _IDENTIFIER.finditer(text):
        identifier = match.group()
        if not _COMPOSED.search(identifier):
            continue
        for run in _PART.findall(identifier):
            for part in _HUMP.split(run):
                if 2 <= len(part) <= _MAX_PART:
                    parts[part.lower()] = None
        if len(parts) >= _MAX_PARTS:
            break
    return " ".join(list(parts)[:_MAX_PARTS])
