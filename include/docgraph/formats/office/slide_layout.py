"""Where the shapes of a slide lie, which it often leaves to its layout, and in which order a person reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docgraph.formats.office.package import Package
from docgraph.formats.office.word_styles import integer
from docgraph.formats.office.xml import A, P

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FARTHEST = 2**40


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a slide, in English Metric Units."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What a layout says of a placeholder: where it lies, and whether its paragraphs have bullets."""

    box: Box | None
    is_list: bool


class Layouts:
    """The placeholders of layouts, each with what its master says where it is silent."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._known: dict[str, dict[str, Placeholder]] = {}

    def of(self, part: str) -> Mapping[str, Placeholder]:
        """Return a layout's placeholders, by index and by type."""
        if part not in self._known:
            self._known[part] = {}
            master = self._package.related(part, "slideMaster") if part else ""
            around = self._read(master, {}) if master else {}
            self._known[part] = self._read(part, around)
        return self._known[part]

    def _read(self, part: str, around: Mapping[str, Placeholder]) -> dict[str, Placeholder]:
        root = self._package.root(part)
        found = {key: value for key, value in around.items() if not key.isdecimal()}
        for shape in root.iter(f"{P}sp") if root is not None else ():
            mark = shape.find(f"{P}nvSpPr/{P}nvPr/{P}ph")
            if mark is None:
                continue
            kind = mark.get("type", "obj")
            above = around.get(kind) or around.get("body" if kind in ("obj", "subTitle") else kind)
            is_list = (above.is_list if above else kind in ("body", "obj")) and kind != "subTitle"
            first = shape.find(f"{P}txBody/{A}lstStyle/{A}lvl1pPr")
            if first is not None and first.find(f"{A}buNone") is not None:
                is_list = False
            elif first is not None and (
                first.find(f"{A}buChar") is not None or first.find(f"{A}buAutoNum") is not None
            ):
                is_list = True
            placeholder = Placeholder(box_of(shape) or (above.box if above else None), is_list)
            found.setdefault(kind, placeholder) if around else found.update({kind: placeholder})
            if index := mark.get("idx"):
                found[index] = placeholder
            elif around:
                found[kind] = placeholder
        return found


def placeholder_of(shape: Element, layout: Mapping[str, Placeholder]) -> Placeholder | None:
    """Return the placeholder of the layout that a shape fills, or None where it fills none."""
    mark = shape.find(f"{P}nvSpPr/{P}nvPr/{P}ph")
    if mark is None:
        return None
    kind = mark.get("type", "obj")
    return (
        layout.get(mark.get("idx", ""))
        or layout.get(kind)
        or layout.get("body" if kind in ("obj", "subTitle") else "")
        or Placeholder(None, kind in ("body", "obj"))
    )


def box_of(shape: Element) -> Box | None:
    """Return where a shape says that it lies."""
    for properties in shape:
        transform = properties.find(f"{A}xfrm") if properties.tag != f"{P}xfrm" else properties
        offset = transform.find(f"{A}off") if transform is not None else None
        extent = transform.find(f"{A}ext") if transform is not None else None
        if offset is not None and extent is not None:
            numbers = (offset.get("x"), offset.get("y"), extent.get("cx"), extent.get("cy"))
            left, top, width, height = (integer(number or "0", _FARTHEST) or 0 for number in numbers)
            return Box(left, top, width, height)
    return None


def in_reading_order(shapes: Sequence[Element], layout: Mapping[str, Placeholder]) -> list[Element]:
    """Sort shapes row by row, and from left to right in a row; those that lie nowhere keep their place after the one before."""
    placed: list[tuple[Box, int, Element]] = []
    last = Box(0, 0, 0, 0)
    for number, shape in enumerate(shapes):
        inherited = placeholder_of(shape, layout)
        last = box_of(shape) or (inherited.box if inherited and inherited.box else last)
        placed.append((last, number, shape))
    placed.sort(key=lambda each: (each[0].top, each[0].left, each[1]))
    ordered: list[Element] = []
    row: list[tuple[Box, int, Element]] = []
    for each in placed:
        # A shape is in the row of the one that opened it while it begins above that one's middle.
        if row and each[0].top > row[0][0].top + row[0][0].height // 2:
            ordered += [shape for _, _, shape in sorted(row, key=lambda found: (found[0].left, found[0].top, found[1]))]
            row = []
        row.append(each)
    ordered += [shape for _, _, shape in sorted(row, key=lambda found: (found[0].left, found[0].top, found[1]))]
    return ordered
