"""Numbers of lists and headings, which a Word document doesn't contain: they are counted as Word counts them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docgraph.formats.office.word_styles import Styles, integer, is_on, value_of
from docgraph.formats.office.xml import W

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_PLACE = re.compile(r"%([1-9])")
_LEVELS = 9
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered."""

    start: int = 1
    format: str = "decimal"
    text: str = ""
    style: str = ""
    #: Counting begins again after a level up to this one, from 1 on; 0: never. None: after each level above.
    restart: int | None = None
    is_legal: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """What stands in front of a numbered paragraph; `is_bullet` where it is a sign and no number."""

    text: str
    level: int
    is_bullet: bool


@dataclass(slots=True)
class _Number:
    """An instance of a list: the definition that it counts in, and where it starts anew."""

    definition: str
    starts: dict[int, int]
    levels: dict[int, Level]


class Numbering:
    """Counts the numbered paragraphs of a document in its order."""

    def __init__(self, root: Element | None, styles: Styles) -> None:
        """Read the part `numbering.xml`, which a document may lack."""
        self._definitions: dict[str, dict[int, Level]] = {}
        self._numbers: dict[str, _Number] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._started: set[tuple[str, int]] = set()
        if root is None:
            return
        links: dict[str, str] = {}
        for element in root.iter(f"{W}abstractNum"):
            identifier = element.get(f"{W}abstractNumId", "")
            self._definitions[identifier] = _levels(element)
            if link := value_of(element, "numStyleLink"):
                links[identifier] = link
        for element in root.iter(f"{W}num"):
            self._numbers[element.get(f"{W}numId", "")] = _number(element)
        for number in self._numbers.values():
            # A definition may stand in a style, which has a list of its own.
            if style := links.get(number.definition):
                kind = styles.paragraph(style).number or next(
                    (each.number for each in styles.chain(style) if each.number), None
                )
                linked = self._numbers.get((kind and kind[0]) or "")
                if linked is not None:
                    number.definition = linked.definition

    def label(self, number: str, level: int | None, style: str) -> Label | None:
        """Count a paragraph and return what stands in front of it; None where it has no number."""
        found = self._numbers.get(number)
        if found is None:
            return None
        levels = {**self._definitions.get(found.definition, {}), **found.levels}
        if level is None:
            level = next((depth for depth, each in levels.items() if style and each.style == style), 0)
        level = max(0, min(level, _LEVELS - 1))
        rule = levels.get(level, Level())
        self._count(number, found, levels, level)
        if rule.format == "bullet":
            return Label("", level, is_bullet=True)
        counts = self._counts[found.definition]

        def shown(place: re.Match[str]) -> str:
            at = int(place[1]) - 1
            count = counts[at] if counts[at] is not None else levels.get(at, Level()).start
            kind = "decimal" if rule.is_legal else levels.get(at, Level()).format
            return _FORMATS.get(kind, str)(count or 0)

        text = "" if rule.format == "none" and not _PLACE.sub("", rule.text).strip() else _PLACE.sub(shown, rule.text)
        return Label(" ".join(text.split()), level, is_bullet=False)

    def _count(self, identifier: str, number: _Number, levels: dict[int, Level], level: int) -> None:
        counts = self._counts.setdefault(number.definition, [None] * _LEVELS)
        start = levels.get(level, Level()).start
        if level in number.starts and (identifier, level) not in self._started:
            self._started.add((identifier, level))
            counts[level] = number.starts[level]
        else:
            current = counts[level]
            counts[level] = start if current is None else current + 1
        for above in range(level):
            if counts[above] is None:
                counts[above] = levels.get(above, Level()).start
        for below in range(level + 1, _LEVELS):
            restart = levels.get(below, Level()).restart
            if restart is None or level < restart:
                counts[below] = None


def _number(element: Element) -> _Number:
    starts: dict[int, int] = {}
    levels: dict[int, Level] = {}
    for override in element.iter(f"{W}lvlOverride"):
        level = integer(override.get(f"{W}ilvl", "")) or 0
        start = integer(value_of(override, "startOverride"), 1_000_000)
        if start is not None:
            starts[level] = start
        levels |= _levels(override)
    return _Number(value_of(element, "abstractNumId"), starts, levels)


def _levels(element: Element) -> dict[int, Level]:
    found: dict[int, Level] = {}
    for level in element.iter(f"{W}lvl"):
        start = integer(value_of(level, "start"), 1_000_000)
        legal = level.find(f"{W}isLgl")
        found[integer(level.get(f"{W}ilvl", "")) or 0] = Level(
            1 if start is None else start,
            value_of(level, "numFmt") or "decimal",
            value_of(level, "lvlText"),
            value_of(level, "pStyle"),
            integer(value_of(level, "lvlRestart")),
            legal is not None and is_on(legal.get(f"{W}val", "1")),
        )
    return found


def _letters(number: int) -> str:
    """Count a to z, aa to zz, as Word does."""
    return chr(ord("a") + (number - 1) % 26) * min(1 + (number - 1) // 26, 30) if number > 0 else ""


def _roman(number: int) -> str:
    text = ""
    for value, sign in _ROMAN:
        while number >= value and len(text) < 30:
            text += sign
            number -= value
    return text


_FORMATS: dict[str, Callable[[int], str]] = {
    "lowerLetter": _letters,
    "upperLetter": lambda number: _letters(number).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "decimalZero": "{:02d}".format,
    "none": lambda _: "",
    "bullet": lambda _: "",
}
