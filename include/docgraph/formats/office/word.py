"""Walks a Word document block by block, in reading order, and writes it as its readers see it: changes accepted, hidden text gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from docgraph.formats.base import Read, Source
from docgraph.formats.office.drawings import write_graphic
from docgraph.formats.office.package import Package
from docgraph.formats.office.word_numbers import Label, Numbering
from docgraph.formats.office.word_runs import Paragraph, RunReader, chosen
from docgraph.formats.office.word_styles import ParagraphKind, Styles, number_of, outline_level, value_of
from docgraph.formats.office.word_tables import cells_in, cells_of, frames_blocks, rows_of
from docgraph.formats.office.xml import MC, W, blocks_of
from docgraph.formats.writer import Inline, Item, OutlineWriter

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_DEPTH = 20
_TRANSPARENT = frozenset({f"{W}{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")})
_NOTES = {"footnote": f"{W}footnote", "endnote": f"{W}endnote"}


def read_word(data: bytes, source: Source) -> Read:
    """Read a document of Word 2007 or later.

    Raises:
        DocumentError: it is encrypted, damaged, too large, or no document of Word.
    """
    package = Package(data, source.uri)
    part = package.main_part("word/document.xml")
    content = package.read(part)
    if content is None:
        raise package.lacks(part)
    reader = _WordReader(package, part)
    reader.write_blocks(blocks_of(content, f"{W}body", package.describe(part)))
    return reader.finished()


class _WordReader:
    """Reads one document into one writer."""

    def __init__(self, package: Package, part: str) -> None:
        self._package = package
        self._relationships = package.relationships(part)
        kinds = {each.kind: each.target for each in self._relationships.values() if not each.is_external}
        self._styles = Styles(package.root(kinds.get("styles", "")))
        self._numbering = Numbering(package.root(kinds.get("numbering", "")), self._styles)
        self._runs = RunReader(self._styles, self._relationships)
        self._notes = {kind: self._read_notes(kinds.get(f"{kind}s", ""), tag) for kind, tag in _NOTES.items()}
        self._writer = OutlineWriter()
        self._paragraphs = 0
        #: What is being joined: lines of code, items of a list, parts of the title, paragraphs whose end was deleted.
        self._code: list[str] = []
        self._items: list[Item] = []
        self._title: list[Paragraph] = []
        self._title_place = 0
        self._joined: list[Inline] = []
        self._waiting: list[tuple[str, str]] = []
        self._has_title = False
        self._bookmarks: list[str] = []
        #: The anchor of the section that each bookmark stands in.
        self._sections: dict[str, str] = {}
        self._anchor = ""

    def finished(self) -> Read:
        self._flush()
        if self._joined:
            self._writer.paragraph(self._joined)
        if not self._writer.title:
            self._writer.title = self._package.title() or None
        text, outline = self._writer.read()
        for section in outline.sections:
            for number, link in enumerate(section.links):
                anchor = self._sections.get(link.reference[1:]) if link.reference.startswith("#") else None
                if anchor:
                    section.links[number] = type(link)(link.offset, f"#{anchor}", link.text)
        return Read(text, outline)

    def write_blocks(self, blocks: Iterable[Element], depth: int = 0) -> None:
        """Write blocks of the body, a cell or a text box."""
        for block in blocks:
            if block.tag == f"{W}p":
                self._paragraph(block, depth)
            elif block.tag == f"{W}tbl":
                self._table(block, depth)
            elif block.tag == f"{W}altChunk":
                self._writer.warn("The document embeds another document, which was left out")
            elif block.tag == f"{W}bookmarkStart":
                self._bookmarks.append(block.get(f"{W}name", ""))
            elif block.tag in _TRANSPARENT and not _is_contents(block):
                self._deeper(list(block), depth)
            elif block.tag == f"{MC}AlternateContent":
                self._deeper(chosen(block), depth)

    def _deeper(self, blocks: list[Element], depth: int) -> None:
        if depth < _MAX_DEPTH:
            self.write_blocks(blocks, depth + 1)
            return
        self._writer.warn(f"Blocks are nested deeper than {_MAX_DEPTH} levels; what is below was read as plain text")
        for block in blocks:
            self._flush()
            self._writer.paragraph(" ".join(text.text or "" for text in block.iter(f"{W}t")))

    def _paragraph(self, element: Element, depth: int) -> None:
        self._paragraphs += 1
        properties = element.find(f"{W}pPr")
        kind = self._styles.paragraph(value_of(properties, "pStyle"))
        found = self._runs.read(element, kind)
        if kind.is_contents or found.is_contents:
            return
        self._bookmarks += found.bookmarks
        self._waiting += found.notes
        level = _level(properties, kind)
        label = self._label(properties, kind) if not found.is_blank or found.boxes else None
        if self._joined and not found.is_blank:
            found.inlines = [*self._joined, *found.inlines]
            self._joined = []
        if properties is not None and properties.find(f"{W}rPr/{W}del") is not None:
            # The end of the paragraph was deleted: it goes on with the next one.
            self._joined = [*self._joined, *found.inlines] if not self._joined else found.inlines
        else:
            self._write(found, kind, level, label)
        for box in found.boxes:
            self._flush()
            self._deeper(list(box), depth)
        for graphic in found.graphics:
            write_graphic(self._writer, graphic, self._package, self._relationships)

    def _label(self, properties: Element | None, kind: ParagraphKind) -> Label | None:
        stated = number_of(properties)
        number, level = stated or kind.number or (None, None)
        if stated and stated[0] is None and kind.number:
            number = kind.number[0]
        if number is None or number == "0":
            named = kind.named_list if number is None else None
            return Label("", named[0], is_bullet=True) if named else None
        if level is None and kind.number and stated:
            level = kind.number[1]
        return self._numbering.label(number, level, value_of(properties, "pStyle"))

    def _write(self, found: Paragraph, kind: ParagraphKind, level: int | None, label: Label | None) -> None:
        is_code = level is None and label is None and (kind.is_code or found.is_fixed_pitch)
        if is_code and (self._code or not found.is_blank):
            self._flush(keep_code=True)
            self._place()
            self._code.append(found.verbatim.rstrip())
            return
        if found.is_blank:
            self._flush_code()
            return
        if level == 0:
            self._flush(keep_title=True)
            self._title_place = self._title_place if self._title else self._paragraphs
            self._title.append(found)
            return
        if level is not None:
            self._flush()
            self._heading(level, found, label, self._paragraphs)
        elif label is not None and (label.text or label.is_bullet):
            self._flush(keep_items=True)
            self._place()
            self._items.append(Item(tuple(found.inlines), label.level, label.text or "-"))
        elif self._items and kind.is_continuation:
            self._items.append(Item(tuple(found.inlines), self._items[-1].depth, ""))
        else:
            self._flush()
            self._place()
            self._writer.paragraph(found.inlines)
            self._flush_notes()
        self._take_bookmarks()

    def _heading(self, level: int, found: Paragraph, label: Label | None, place: int) -> None:
        number = label.text if label else ""
        text = " ".join(f"{number} {_plain(found.inlines)}".split())
        names = [name for name in self._bookmarks if name and name != "_GoBack"]
        self._anchor = min(names, key=_by_preference, default="")
        self._take_bookmarks()
        self._writer.place(f"paragraph {place}")
        self._writer.heading(
            level + self._has_title if level else 1, text, self._anchor, links=found.inlines, slug=False
        )
        self._flush_notes()

    def _table(self, table: Element, depth: int) -> None:
        if frames_blocks(table, self._is_heading):
            for row in rows_of(table):
                for cell in cells_in(row):
                    self._deeper(list(cell), depth)
            return
        self._flush()
        self._place()
        rows, headers = cells_of(table, self._cell)
        self._writer.table(rows, headers=headers)
        self._take_bookmarks()
        self._flush_notes()

    def _is_heading(self, paragraph: Element) -> bool:
        properties = paragraph.find(f"{W}pPr")
        return _level(properties, self._styles.paragraph(value_of(properties, "pStyle"))) is not None

    def _cell(self, cell: Element) -> list[Inline]:
        """Return all that stands in a cell as running text, tables in it cell by cell."""
        inlines: list[Inline] = []
        todo: list[Element] = list(reversed(cell))
        while todo:
            node = todo.pop()
            if node.tag != f"{W}p":
                todo += reversed(chosen(node) if node.tag == f"{MC}AlternateContent" else list(node))
                continue
            self._paragraphs += 1
            properties = node.find(f"{W}pPr")
            kind = self._styles.paragraph(value_of(properties, "pStyle"))
            found = self._runs.read(node, kind)
            self._bookmarks += found.bookmarks
            self._waiting += found.notes
            label = self._label(properties, kind) if not found.is_blank else None
            marker = (label.text or ("-" if label.is_bullet else "")) if label else ""
            inlines += [Inline(f" {marker} " if marker else " "), *found.inlines]
            for box in reversed(found.boxes):
                todo += reversed(list(box))
        return inlines

    def _place(self) -> None:
        self._writer.place(f"paragraph {self._paragraphs}")

    def _take_bookmarks(self) -> None:
        self._sections.update(dict.fromkeys(self._bookmarks, self._anchor))
        self._bookmarks = []

    def _flush(self, *, keep_code: bool = False, keep_items: bool = False, keep_title: bool = False) -> None:
        """Write what was being joined and doesn't go on."""
        if not keep_code:
            self._flush_code()
        if self._items and not keep_items:
            self._writer.items(self._items)
            self._items = []
            self._flush_notes()
        if self._title and not keep_title:
            title = Paragraph(inlines=[piece for part in self._title for piece in (*part.inlines, Inline(" "))])
            self._title = []
            self._has_title = True
            self._heading(0, title, None, self._title_place)

    def _flush_code(self) -> None:
        if self._code:
            self._writer.code("\n".join(self._code))
            self._code = []
            self._take_bookmarks()
            self._flush_notes()

    def _flush_notes(self) -> None:
        """Write the notes that the block above refers to."""
        waiting, self._waiting = self._waiting, []
        for kind, identifier in waiting:
            inlines = self._notes[kind].get(identifier, [])
            if inlines:
                self._writer.paragraph([Inline(f"{self._runs.note_label(kind, identifier)} "), *inlines])

    def _read_notes(self, part: str, tag: str) -> Mapping[str, list[Inline]]:
        root = self._package.root(part)
        if root is None:
            return {}
        reader = RunReader(self._styles, self._package.relationships(part))
        notes: dict[str, list[Inline]] = {}
        for note in root.iterfind(tag):
            if note.get(f"{W}type") in (None, "normal"):
                pieces = [
                    piece
                    for paragraph in note.iter(f"{W}p")
                    for piece in (*reader.read(paragraph, ParagraphKind()).inlines, Inline(" "))
                ]
                notes[note.get(f"{W}id", "")] = pieces if _plain(pieces).strip() else []
        return notes


def _is_contents(block: Element) -> bool:
    """Tell a content control that holds a table of contents."""
    gallery = block.find(f"{W}sdtPr/{W}docPartObj/{W}docPartGallery")
    return gallery is not None and "table of contents" in gallery.get(f"{W}val", "").lower()


def _level(properties: Element | None, kind: ParagraphKind) -> int | None:
    stated = outline_level(properties)
    if stated is None:
        return kind.level
    return stated + 1 if 0 <= stated < 9 else None


def _by_preference(bookmark: str) -> tuple[bool, bool]:
    """Put names that people gave before those of programs, and among these references before the table of contents."""
    return bookmark.startswith("_"), bookmark.startswith("_Toc")


def _plain(inlines: Iterable[Inline]) -> str:
    return "".join(inline.text for inline in inlines)
