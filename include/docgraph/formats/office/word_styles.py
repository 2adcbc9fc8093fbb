"""The styles of a Word document, with what they inherit: headings, lists, code, hidden text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docgraph.formats.fonts import is_fixed_pitch
from docgraph.formats.office.xml import W

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_CHAIN = 20
_HEADING = re.compile(r"heading ([1-9])$", re.IGNORECASE)
_CODE = re.compile(
    r"\b(code|listing|preformatted|verbatim|console|program|plain text)\b|sourcecode|source text|\bmacro$",
    re.IGNORECASE,
)
#: Tables of contents and indexes repeat what stands elsewhere, with numbers of pages.
_CONTENTS = re.compile(
    r"(toc ([1-9]|heading)|table of figures|index ([1-9]|heading)|contents ([1-9]|heading))$", re.IGNORECASE
)
_LIST = re.compile(r"list (bullet|number)(?: ([2-5]))?$", re.IGNORECASE)
_CONTINUED = re.compile(r"list (continue( [2-5])?|paragraph)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Style:
    """What a style itself says; None where it says nothing."""

    name: str
    based_on: str
    outline_level: int | None
    number: tuple[str | None, int | None] | None
    is_hidden: bool | None
    font: str | None


class Styles:
    """The styles by id."""

    def __init__(self, root: Element | None) -> None:
        """Read the part `styles.xml`, which a document may lack."""
        self._styles: dict[str, Style] = {}
        self._default = ""
        for element in root.iter(f"{W}style") if root is not None else ():
            identifier = element.get(f"{W}styleId", "")
            self._styles[identifier] = _style(element)
            if element.get(f"{W}type") == "paragraph" and is_on(element.get(f"{W}default", "0")):
                self._default = identifier
        self._kinds: dict[str, ParagraphKind] = {}

    def chain(self, identifier: str) -> Iterator[Style]:
        """Yield a style and those that it is based on, the nearest first."""
        seen = 0
        while (style := self._styles.get(identifier)) is not None and seen < _MAX_CHAIN:
            yield style
            identifier = style.based_on
            seen += 1

    def paragraph(self, identifier: str) -> ParagraphKind:
        """Return what paragraphs of a style are; of the default style for an empty id."""
        identifier = identifier or self._default
        if identifier not in self._kinds:
            self._kinds[identifier] = _kind(list(self.chain(identifier)))
        return self._kinds[identifier]

    def is_hidden(self, identifier: str) -> bool:
        """Tell whether text in a character style is not shown."""
        return next((style.is_hidden for style in self.chain(identifier) if style.is_hidden is not None), False)

    def is_code(self, identifier: str) -> bool:
        """Tell whether a character style is one of code."""
        chain = list(self.chain(identifier))
        if any(_CODE.search(style.name) for style in chain):
            return True
        return is_fixed_pitch(next((style.font for style in chain if style.font), ""))


@dataclass(frozen=True, slots=True)
class ParagraphKind:
    """What a paragraph's style makes of it."""

    #: 0 is the document's title, 1 to 9 are headings, None is text.
    level: int | None = None
    number: tuple[str | None, int | None] | None = None
    is_contents: bool = False
    is_code: bool = False
    is_hidden: bool = False
    is_continuation: bool = False
    #: Depth and whether it is numbered, of a list that only its name tells.
    named_list: tuple[int, bool] | None = None
    font: str = ""


def _kind(chain: list[Style]) -> ParagraphKind:
    names = [style.name for style in chain]
    numbers = [style.number for style in chain if style.number]
    identifier = next((number[0] for number in numbers if number[0] is not None), None)
    level = next((number[1] for number in numbers if number[1] is not None), None)
    listed = next((found for name in names if (found := _LIST.match(name))), None)
    return ParagraphKind(
        level=_level(chain),
        number=(identifier, level) if identifier is not None else None,
        is_contents=any(_CONTENTS.match(name) for name in names),
        is_code=any(_CODE.search(name) for name in names),
        is_hidden=next((style.is_hidden for style in chain if style.is_hidden is not None), False),
        is_continuation=any(_CONTINUED.match(name) for name in names[:1]),
        named_list=(int(listed[2] or 1) - 1, listed[1].lower() == "number") if listed else None,
        font=next((style.font for style in chain if style.font), ""),
    )


def _level(chain: list[Style]) -> int | None:
    for style in chain:
        if style.name.lower() == "title":
            return 0
        if found := _HEADING.match(style.name):
            return int(found[1])
        if style.outline_level is not None:
            return style.outline_level + 1 if 0 <= style.outline_level < 9 else None
    return None


def _style(element: Element) -> Style:
    paragraph, run = element.find(f"{W}pPr"), element.find(f"{W}rPr")
    return Style(
        name=value_of(element, "name"),
        based_on=value_of(element, "basedOn"),
        outline_level=outline_level(paragraph),
        number=number_of(paragraph),
        is_hidden=is_hidden(run),
        font=font_of(run),
    )


def outline_level(properties: Element | None) -> int | None:
    """Return the outline level that a paragraph's properties state, from 0 on; 9 is text."""
    return integer(value_of(properties, "outlineLvl")) if properties is not None else None


def number_of(properties: Element | None) -> tuple[str | None, int | None] | None:
    """Return the list that a paragraph's properties put it in, and the level there."""
    numbering = properties.find(f"{W}numPr") if properties is not None else None
    if numbering is None:
        return None
    return value_of(numbering, "numId") or None, integer(value_of(numbering, "ilvl"))


def is_hidden(properties: Element | None) -> bool | None:
    """Tell whether a run's properties hide it; None where they say nothing."""
    mark = properties.find(f"{W}vanish") if properties is not None else None
    return is_on(mark.get(f"{W}val", "1")) if mark is not None else None


def font_of(properties: Element | None) -> str | None:
    """Return the font that a run's properties name."""
    fonts = properties.find(f"{W}rFonts") if properties is not None else None
    return (fonts.get(f"{W}ascii") or fonts.get(f"{W}hAnsi") or None) if fonts is not None else None


def value_of(element: Element | None, name: str) -> str:
    """Return the value of a property, or an empty text."""
    found = element.find(f"{W}{name}") if element is not None else None
    return found.get(f"{W}val", "") if found is not None else ""


def integer(text: str, most: int = 10_000) -> int | None:
    """Return a number that a property states, within reason."""
    try:
        number = int(text[:12])
    except ValueError:
        return None
    return max(-most, min(most, number))


def is_on(value: str) -> bool:
    """Read a property that is on or off."""
    return value not in ("0", "false", "off")
