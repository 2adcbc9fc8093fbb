"""Reads presentations slide by slide: title, shapes as they lie on the slide, notes. A slide is a section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docgraph.formats.base import Read, Source
from docgraph.formats.office.drawings import alternative_text, write_graphic
from docgraph.formats.office.package import Package, Relationship
from docgraph.formats.office.slide_layout import Layouts, Placeholder, in_reading_order, placeholder_of
from docgraph.formats.office.slide_text import TextWriter, plain, table_rows
from docgraph.formats.office.xml import MC, A, P, R
from docgraph.formats.writer import Inline, OutlineWriter

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_DEPTH = 20
_MAX_SLIDES = 10_000
_TITLES = frozenset({"title", "ctrTitle"})
#: What each slide repeats.
_FRAME = frozenset({"dt", "ftr", "sldNum", "hdr"})
_SHAPES = frozenset({f"{P}{name}" for name in ("sp", "grpSp", "graphicFrame", "pic", "cxnSp")})
_DEFAULT_SECTIONS = frozenset({"", "default section"})


@dataclass(slots=True)
class _Slide:
    """A slide: its number, its part, and the section of the presentation that begins with it."""

    number: int
    part: str
    section: str = ""


@dataclass(slots=True)
class _Deck:
    """The slides in their order."""

    slides: list[_Slide] = field(default_factory=list)
    has_sections: bool = False


def read_slides(data: bytes, source: Source) -> Read:
    """Read a presentation of PowerPoint 2007 or later.

    Raises:
        DocumentError: it is encrypted, damaged, too large, or no presentation.
    """
    package = Package(data, source.uri)
    part = package.main_part("ppt/presentation.xml")
    root = package.root(part)
    if root is None:
        raise package.lacks(part)
    deck = _deck(root, package.relationships(part))
    reader = _SlideReader(package, deck)
    for slide in deck.slides:
        reader.write(slide)
    writer = reader.writer
    writer.title = package.title() or writer.title
    text, outline = writer.read()
    return Read(text, outline)


def _deck(root: Element, relationships: Mapping[str, Relationship]) -> _Deck:
    deck = _Deck()
    by_id: dict[str, _Slide] = {}
    for entry in root.iterfind(f"{P}sldIdLst/{P}sldId"):
        related = relationships.get(entry.get(f"{R}id", ""))
        if related is not None and not related.is_external and len(deck.slides) < _MAX_SLIDES:
            deck.slides.append(_Slide(len(deck.slides) + 1, related.target))
            by_id[entry.get("id", "")] = deck.slides[-1]
    for element in root.iter():
        if element.tag.endswith("}section") and element.get("name", "").strip().lower() not in _DEFAULT_SECTIONS:
            entries = (each.get("id", "") for each in element.iter() if each.tag.endswith("}sldId"))
            first = next((by_id[each] for each in entries if each in by_id), None)
            if first is not None:
                first.section = element.get("name", "")
                deck.has_sections = True
    return deck


class _SlideReader:
    """Writes slides one after another."""

    def __init__(self, package: Package, deck: _Deck) -> None:
        self.writer = OutlineWriter()
        self._package = package
        self._layouts = Layouts(package)
        self._numbers = {slide.part: slide.number for slide in deck.slides}
        self._level = 2 if deck.has_sections else 1

    def write(self, slide: _Slide) -> None:
        """Write a slide and its notes."""
        self.writer.place(f"slide {slide.number}")
        if slide.section:
            self.writer.heading(1, slide.section, slug=False)
        root = self._package.root(slide.part)
        tree = root.find(f"{P}cSld/{P}spTree") if root is not None else None
        if tree is None:
            self.writer.warn(f"Slide {slide.number} is not in the presentation; it was left out")
            return
        relationships = self._package.relationships(slide.part)
        kinds = {each.kind: each.target for each in relationships.values() if not each.is_external}
        layout = self._layouts.of(kinds.get("slideLayout", ""))
        text = TextWriter(self.writer, lambda link: self._target(link, relationships))
        titles = [shape for shape in _flat(tree) if _type(shape) in _TITLES and plain(shape)]
        heading: list[Inline] = text.inlines(titles[0]) if titles else []
        self.writer.heading(self._level, plain(titles[0]) if titles else "", f"slide-{slide.number}", links=heading)
        self._shapes(tree, layout, text, relationships, titles[:1], 0)
        self._notes(kinds.get("notesSlide", ""))

    def _shapes(
        self,
        tree: Element,
        layout: Mapping[str, Placeholder],
        text: TextWriter,
        relationships: Mapping[str, Relationship],
        titles: list[Element],
        depth: int,
    ) -> None:
        for shape in in_reading_order(_children(tree), layout):
            if any(shape is title for title in titles) or _type(shape) in _FRAME:
                continue
            if shape.tag == f"{P}grpSp":
                if depth < _MAX_DEPTH:
                    self._shapes(shape, layout, text, relationships, titles, depth + 1)
                else:
                    self.writer.warn(
                        f"Shapes are grouped deeper than {_MAX_DEPTH} levels; what is below was read as plain text"
                    )
                    self.writer.paragraph(plain(shape))
            elif shape.tag == f"{P}graphicFrame":
                for table in shape.iter(f"{A}tbl"):
                    rows, headers = table_rows(table, text)
                    self.writer.table(rows, headers=headers)
                write_graphic(self.writer, shape, self._package, relationships)
            elif shape.tag == f"{P}pic":
                self.writer.paragraph(alternative_text(shape.find(f"{P}nvPicPr/{P}cNvPr")))
            else:
                inherited = placeholder_of(shape, layout)
                text.write(shape, is_list=inherited.is_list if inherited else False)

    def _notes(self, part: str) -> None:
        """Write what the speaker is to say."""
        root = self._package.root(part)
        tree = root.find(f"{P}cSld/{P}spTree") if root is not None else None
        if tree is None:
            return
        relationships = self._package.relationships(part)
        text = TextWriter(self.writer, lambda link: self._target(link, relationships))
        for shape in _flat(tree):
            if _type(shape) == "body":
                text.write(shape, is_list=False)

    def _target(self, link: str, relationships: Mapping[str, Relationship]) -> str:
        related = relationships.get(link)
        if related is None:
            return ""
        if related.is_external:
            return related.target
        number = self._numbers.get(related.target)
        return f"#slide-{number}" if number else ""


def _children(tree: Element) -> list[Element]:
    """Return the shapes of a slide or a group; of content that is there in two versions, the newer."""
    shapes: list[Element] = []
    for child in tree:
        if child.tag in _SHAPES:
            shapes.append(child)
        elif child.tag == f"{MC}AlternateContent":
            version = child.find(f"{MC}Choice")
            found = [each for each in version if each.tag in _SHAPES] if version is not None else []
            if not any(plain(each) for each in found):
                fallback = child.find(f"{MC}Fallback")
                found = (
                    [each for each in fallback if each.tag in _SHAPES] if fallback is not None and not found else found
                )
            shapes += found
    return shapes


def _flat(tree: Element) -> list[Element]:
    return list(tree.iter(f"{P}sp"))


def _type(shape: Element) -> str:
    """Return the type of the placeholder that a shape fills; empty: it fills none."""
    for properties in shape:
        mark = properties.find(f"{P}nvPr/{P}ph")
        if mark is not None:
            return mark.get("type", "obj")
    return ""
