"""What the first lines of a fence say: its language, and the options of a directive."""

from __future__ import annotations

import re

_LANGUAGE = re.compile(r"[A-Za-z][\w+#.-]*")
_DIRECTIVE_WITH_CODE = frozenset({"code", "code-block", "code-cell", "sourcecode"})
_OPTION = re.compile(r"[ \t]*:[\w-]{1,60}:(?:[ \t]|$)")


def language_of(info: str) -> str | None:
    """Return the language that a fence's info string names ("" if none), or None for a directive with prose in it."""
    words = info.replace("{", " { ").replace("}", " } ").split()
    if not words:
        return ""
    if words[0] == "{":
        name = words[1].lstrip(".") if len(words) > 1 else ""
        if words[1:2] and words[1].startswith("."):
            return name.lower()
        if name.rpartition(":")[2] not in _DIRECTIVE_WITH_CODE:
            return None
        rest = [word for word in words[2:] if word != "}"]
        return rest[0].lower() if rest else ""
    match = _LANGUAGE.match(words[0])
    return match.group().lower() if match else ""


def options_of(info: str, content: str) -> int:
    """Return how many lines at the beginning of a fence's content are options of the directive that it is."""
    lines = content.split("\n") if info.lstrip().startswith("{") else []
    return next((number for number, line in enumerate(lines) if not _OPTION.match(line)), len(lines))
