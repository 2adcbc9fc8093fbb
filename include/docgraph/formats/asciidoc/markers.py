"""Tells items of lists by their markers."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BULLET = re.compile(r"[ \t]*(\*{1,5}|-|•)[ \t]+(.+)")
_NUMBER = re.compile(r"[ \t]*(\.{1,5}|\d{1,9}\.|[a-zA-Z]\.|[ivxIVX]{1,9}\))[ \t]+(.+)")
_TERM = re.compile(r"[ \t]*((?!//)\S.{0,1000}?)(:{2,4}|;;)(?:[ \t]+(.*))?$")
_CHECKED = re.compile(r"\[[ xX*]\][ \t]+")


@dataclass(slots=True)
class Marker:
    """A marker of an item: its kind, the sign that lists are told apart by, and the text behind it."""

    kind: str
    sign: str
    text: str
    count: int = 0

    def shown(self) -> str:
        """Return what is shown in front of the item."""
        return f"{self.count}." if self.kind == "number" else "-"


def marker_of(line: str) -> Marker | None:
    """Return the marker that a line begins with, or None."""
    start = line.lstrip()[:1]
    if start in "*-•" and start and (found := _BULLET.fullmatch(line)):
        return Marker("bullet", found[1], _CHECKED.sub("", found[2]) if found[2].startswith("[") else found[2])
    if start and (start == "." or start.isalnum()) and (found := _NUMBER.fullmatch(line)):
        sign = (
            found[1]
            if found[1].startswith(".")
            else "1."
            if found[1][0].isdigit()
            else "i)"
            if found[1].endswith(")")
            else "a."
        )
        return Marker("number", sign, found[2])
    return None


def term_of(line: str) -> tuple[str, str, str] | None:
    """Return term, sign and text of a line of a description list, or None."""
    if "::" not in line and ";;" not in line:
        return None
    found = _TERM.fullmatch(line)
    return (found[1], found[2], (found[3] or "").strip()) if found else None
