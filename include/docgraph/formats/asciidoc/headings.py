"""Tells titles, and names their anchors as asciidoctor does."""

from __future__ import annotations

import re

_ONE_LINE = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*?)(?:[ \t]+\1)?$")
_UNDERLINES = "=-~^+"
_INVALID = re.compile(r"&(?:[a-z]{2,10}\d{0,2}|#\d{2,5}|#x[\da-f]{2,5});|[^ \w\-.]+")


def one_line_title(line: str) -> tuple[int, str] | None:
    """Return level (0: the document's title) and text of a title behind equals signs, or None."""
    found = _ONE_LINE.fullmatch(line) if line.startswith(("=", "#")) else None
    return (len(found[1]) - 1, found[2]) if found else None


def two_line_level(title: str, underline: str) -> int:
    """Return the level of a title that is underlined, or -1 where it is none."""
    if len(underline) < 2 or underline[0] not in _UNDERLINES or underline.strip(underline[0]):
        return -1
    if title[:1] in ("", " ", "\t", ".") or not re.search(r"\w", title) or abs(len(title) - len(underline)) > 1:
        return -1
    return _UNDERLINES.index(underline[0])


class Anchors:
    """The anchors that a document has given away so far."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def made(self, title: str, attributes: dict[str, str]) -> str:
        """Return the anchor of a title, different from all before it."""
        separator = attributes.get("idseparator", "_")[:1]
        bare = _INVALID.sub("", title.lower())
        name = re.sub(r"[ .\-]+", separator, bare)
        name = attributes.get("idprefix", "_")[:20] + name.rstrip(separator or None)
        if separator and attributes.get("idprefix", "_") == "":
            name = name.lstrip(separator)
        elif separator:
            name = re.sub(rf"{re.escape(separator)}{{2,}}", separator, name)
        anchor = name
        number = self._taken.get(name, 1)
        while anchor in self._taken:
            number += 1
            anchor = f"{name}{separator}{number}"
        self._taken[name] = max(number, self._taken.get(name, 0))
        return anchor

    def take(self, anchor: str) -> None:
        """Remember an anchor as given."""
        self._taken.setdefault(anchor, 1)
