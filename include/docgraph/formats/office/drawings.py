"""What drawings say: alternative texts, charts as tables, the texts of diagrams."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from docgraph.formats.office.package import Package, Relationship
from docgraph.formats.office.xml import DGM, A, C, R
from docgraph.formats.writer import Inline, Item, OutlineWriter

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FILE_NAME = re.compile(r"\S+\.(png|jpe?g|gif|svg|emf|wmf|bmp|tiff?|webp)", re.IGNORECASE)
_BY_MACHINE = "automatically generated"
_MAX_POINTS = 10_000
_MAX_SERIES = 100


def alternative_text(properties: Element | None, attribute: str = "descr") -> str:
    """Return what stands for a picture, without names of files and guesses of programs."""
    if properties is None:
        return ""
    text = " ".join((properties.get(attribute) or "").split())
    return "" if _BY_MACHINE in text or _FILE_NAME.fullmatch(text) else text


def write_graphic(
    writer: OutlineWriter, graphic: Element, package: Package, relationships: Mapping[str, Relationship]
) -> None:
    """Write the charts and diagrams that a drawing shows."""
    for chart in graphic.iter(f"{C}chart"):
        related = relationships.get(chart.get(f"{R}id", ""))
        if related and not related.is_external:
            _write_chart(writer, package.root(related.target))
    for diagram in graphic.iter(f"{DGM}relIds"):
        related = relationships.get(diagram.get(f"{R}dm", ""))
        if related and not related.is_external:
            _write_diagram(writer, package.root(related.target))


def _write_chart(writer: OutlineWriter, root: Element | None) -> None:
    """Write the values that a chart was drawn from, as the document keeps them, categories down and series across."""
    if root is None:
        return
    title = root.find(f"{C}chart/{C}title")
    caption = " ".join("".join(text.text or "" for text in title.iter(f"{A}t")).split()) if title is not None else ""
    names: list[str] = []
    columns: list[dict[int, str]] = []
    categories: dict[int, str] = {}
    for series in islice(root.iter(f"{C}ser"), _MAX_SERIES):
        found = _points(series.find(f"{C}cat")) or _points(series.find(f"{C}xVal"))
        categories = {**found, **categories}
        names.append(" ".join(_points(series.find(f"{C}tx")).values()))
        values = series.find(f"{C}val")
        columns.append(_points(values if values is not None else series.find(f"{C}yVal")))
    rows = sorted(set(categories).union(*columns)) if columns else []
    if not rows:
        writer.paragraph(caption)
        return
    body = [[categories.get(row, ""), *(column.get(row, "") for column in columns)] for row in rows]
    writer.table([["", *names], *body], caption=caption)


def _points(reference: Element | None) -> dict[int, str]:
    """Return cached values by index; those of a hierarchy of categories are joined, the outermost first."""
    points: dict[int, str] = {}
    if reference is None:
        return points
    levels = list(reference.iter(f"{C}lvl"))
    for level in reversed(levels) if levels else [reference]:
        for point in level.iter(f"{C}pt"):
            index = int(point.get("idx", "0")) if point.get("idx", "0").isdecimal() else 0
            value = (point.findtext(f"{C}v") or "").strip()
            if len(points) < _MAX_POINTS and value:
                points[index] = f"{points[index]} {value}" if index in points else value
    if not points:
        text = (reference.findtext(f"{C}v") or "").strip()
        return {0: text} if text else {}
    return points


def _write_diagram(writer: OutlineWriter, root: Element | None) -> None:
    """Write the texts of a diagram (SmartArt) as a list."""
    if root is None:
        return
    items = []
    for point in root.iter(f"{DGM}pt"):
        paragraphs = ["".join(text.text or "" for text in each.iter(f"{A}t")) for each in point.iter(f"{A}p")]
        items.append(Item((Inline(" ".join(paragraphs)),)))
    writer.items(items)
