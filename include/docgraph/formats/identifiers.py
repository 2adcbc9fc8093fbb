"""Parts of identifiers as index text, because no analyzer of the full-text index splits them. Pure text to text."""

from __future__ import annotations

import re

_IDENTIFIER = re.compile(r"[^\W_](?:[\w.:/\\-]{0,126}\w)?")
_NAME = re.compile(r"[^\W_](?:\w*[^\W_])?")
_PART = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMPOSED = re.compile(r"[_.:/\\-]|[a-z0-9][A-Z]|[A-Z][A-Z][a-z]")
_MAX_PARTS = 400
_MAX_PART = 40


def identifier_parts(text: str) -> str:
    """Return the lower-cased parts of the identifiers in `text`: camelCase, snake_case, dotted, --kebab-options.

    Both the names that a dotted identifier consists of and their parts (`json.JSONEncoder` → json, jsonencoder, encoder),
    each once, in order of appearance, separated by spaces, at most 400 of them.
    """
    parts: dict[str, None] = {}
    for match in _IDENTIFIER.finditer(text):
        identifier = match.group()
        if not _COMPOSED.search(identifier):
            continue
        for name in _NAME.findall(identifier):
            pieces = [part for run in _PART.findall(name) for part in _HUMP.split(run)]
            for piece in [name, *pieces] if name != identifier else pieces:
                if 2 <= len(piece) <= _MAX_PART:
                    parts[piece.lower()] = None
        if len(parts) >= _MAX_PARTS:
            break
    return " ".join(list(parts)[:_MAX_PARTS])
