"""Reads the running text of a Word paragraph: runs, links, fields, references to notes; deleted and hidden text is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docgraph.formats.fonts import is_fixed_pitch
from docgraph.formats.office.drawings import alternative_text
from docgraph.formats.office.package import Relationship
from docgraph.formats.office.word_styles import ParagraphKind, Styles, font_of, is_hidden, value_of
from docgraph.formats.office.xml import MC, WP, M, R, V, W
from docgraph.formats.writer import Inline

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LEFT_OUT = frozenset(f"{W}{name}" for name in ("del", "moveFrom", "pPr", "sdtPr", "sdtEndPr", "rubyPr", "rt"))
_TEXT_BOXES = f"{W}txbxContent"
#: Signs of symbol fonts that programs put in for arrows and boxes; others have no letter.
_SYMBOLS = {
    0xE0: "→", 0xE8: "→", 0xF0: "⇨", 0xDF: "←", 0xFC: "✓", 0xFE: "☑", 0xA8: "☐", 0x6F: "☐", 0xB7: "•", 0xA7: "▪",
}  # fmt: skip
_HYPERLINK = re.compile(r'HYPERLINK\s+(?:"([^"]*)")?', re.IGNORECASE)
_LOCAL = re.compile(r'\\l\s+"?([^"\s]+)', re.IGNORECASE)
_REFERENCE = re.compile(r"(?:REF|PAGEREF|NOTEREF)\s+(\S+)", re.IGNORECASE)
_CONTENTS_LINE = re.compile(r"\bPAGEREF\s+_Toc", re.IGNORECASE)
_MAX_FIELDS = 50
#: Marks of where a word may be broken; they are no characters of the word.
_INVISIBLE = {0x00AD: None, 0x200B: None, 0x2060: None, 0xFEFF: None}
_MATH_SIGNS = {f"{M}den": "/", f"{M}sup": "^", f"{M}sub": "_", f"{M}radPr": "√"}


@dataclass(slots=True)
class _Field:
    """A field that is open: its instruction while that is read, then where its result leads."""

    instruction: str = ""
    is_result: bool = False
    href: str = ""


@dataclass(slots=True)
class Paragraph:
    """What stands in a paragraph."""

    inlines: list[Inline] = field(default_factory=list)
    bookmarks: list[str] = field(default_factory=list)
    #: Kind (`footnote`, `endnote`) and id of the notes that it refers to, in order.
    notes: list[tuple[str, str]] = field(default_factory=list)
    #: Blocks that float beside it.
    boxes: list[Element] = field(default_factory=list)
    graphics: list[Element] = field(default_factory=list)
    #: The text as it would stand in code: tabs and breaks of lines kept.
    verbatim: str = ""
    is_fixed_pitch: bool = False
    is_contents: bool = False

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing is written in it."""
        return not any(inline.text.strip() for inline in self.inlines)


class RunReader:
    """Reads paragraphs one after another: fields may begin in one and end in another."""

    def __init__(self, styles: Styles, relationships: Mapping[str, Relationship]) -> None:
        """Read for a part with these relationships."""
        self._styles = styles
        self._relationships = relationships
        self._fields: list[_Field] = []
        self._notes: dict[tuple[str, str], str] = {}

    def note_label(self, kind: str, identifier: str) -> str:
        """Return the label of a note: its number in order of the references."""
        return self._notes.setdefault((kind, identifier), f"[{len(self._notes) + 1}]")

    def read(self, element: Element, kind: ParagraphKind) -> Paragraph:
        """Read one paragraph."""
        found = Paragraph()
        pieces = _Pieces()
        todo: list[tuple[Element, str]] = [(child, "") for child in reversed(element)]
        while todo:
            node, href = todo.pop()
            if node.tag == f"{W}r":
                self._run(node, href, kind, found, pieces)
            elif node.tag == f"{W}hyperlink":
                target = self._target(node)
                todo += [(child, target or href) for child in reversed(node)]
            elif node.tag == f"{W}bookmarkStart":
                found.bookmarks.append(node.get(f"{W}name", ""))
            elif node.tag == f"{M}oMath":
                pieces.add(_math(node), href, is_code=False)
            elif node.tag == f"{W}fldSimple":
                link = self._field_target(node.get(f"{W}instr", ""))
                found.is_contents = found.is_contents or bool(_CONTENTS_LINE.search(node.get(f"{W}instr", "")))
                todo += [(child, link or href) for child in reversed(node)]
            elif node.tag == f"{MC}AlternateContent":
                todo += [(child, href) for child in reversed(chosen(node))]
            elif node.tag not in _LEFT_OUT:
                todo += [(child, href) for child in reversed(node)]
        found.inlines, found.verbatim = pieces.inlines(), pieces.verbatim()
        mark = element.find(f"{W}pPr/{W}rPr")
        found.is_fixed_pitch = pieces.is_all_code if pieces.has_text else is_fixed_pitch(font_of(mark) or kind.font)
        return found

    def _run(self, run: Element, href: str, kind: ParagraphKind, found: Paragraph, pieces: _Pieces) -> None:
        properties = run.find(f"{W}rPr")
        style = value_of(properties, "rStyle")
        hidden = is_hidden(properties)
        if hidden or (hidden is None and (self._styles.is_hidden(style) or kind.is_hidden)):
            return
        font = font_of(properties)
        is_code = (
            is_fixed_pitch(font) if font else (bool(style) and self._styles.is_code(style)) or is_fixed_pitch(kind.font)
        )
        todo: list[Element] = list(reversed(run))
        while todo:
            node = todo.pop()
            name = node.tag.rpartition("}")[2]
            if node.tag == f"{MC}AlternateContent":
                todo += reversed(chosen(node))
            elif name == "fldChar":
                self._field(node.get(f"{W}fldCharType", ""))
            elif name == "instrText":
                found.is_contents = found.is_contents or bool(_CONTENTS_LINE.search(node.text or ""))
                if self._fields and not self._fields[-1].is_result:
                    self._fields[-1].instruction += (node.text or "")[:2_000]
            elif name in ("drawing", "pict", "object"):
                _drawing(node, found, pieces, href)
            elif any(not each.is_result for each in self._fields):
                continue
            elif name in ("footnoteReference", "endnoteReference"):
                note = name.removesuffix("Reference"), node.get(f"{W}id", "")
                found.notes.append(note)
                if node.get(f"{W}customMarkFollows") is None:
                    pieces.add(self.note_label(*note), "", is_code=False)
            elif name == "ruby":
                todo += reversed(list(node.iterfind(f"{W}rubyBase/{W}r/{W}t")))
            else:
                link = href or next((each.href for each in reversed(self._fields) if each.href), "")
                pieces.add(_characters(node, name), link, is_code=is_code)

    def _target(self, link: Element) -> str:
        related = self._relationships.get(link.get(f"{R}id", ""))
        anchor = link.get(f"{W}anchor", "")
        return f"{related.target if related else ''}{'#' if anchor else ''}{anchor}"

    def _field(self, kind: str) -> None:
        if kind == "begin" and len(self._fields) < _MAX_FIELDS:
            self._fields.append(_Field())
        elif kind == "separate" and self._fields:
            self._fields[-1].is_result = True
            self._fields[-1].href = self._field_target(self._fields[-1].instruction)
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _field_target(self, instruction: str) -> str:
        words = instruction.strip()
        if found := _HYPERLINK.match(words):
            local = _LOCAL.search(words)
            return f"{found[1] or ''}{f'#{local[1]}' if local else ''}"
        if (found := _REFERENCE.match(words)) and "\\h" in words:
            return f"#{found[1]}"
        return ""

    def end_of_part(self) -> None:
        """Close fields that were never ended: what follows is another text."""
        self._fields.clear()


def chosen(alternatives: Element) -> list[Element]:
    """Return what a reader shows of content that is there in two versions."""
    choice = alternatives.find(f"{MC}Choice")
    found = choice if choice is not None else alternatives.find(f"{MC}Fallback")
    return list(found) if found is not None else []


def _drawing(node: Element, found: Paragraph, pieces: _Pieces, href: str) -> None:
    """Take a drawing's alternative texts, and its text boxes without those that stand in them."""
    found.graphics.append(node)
    todo = [node]
    while todo:
        inner = todo.pop()
        if inner.tag == _TEXT_BOXES:
            found.boxes.append(inner)
            continue
        if inner.tag == f"{WP}docPr":
            pieces.add(f" {alternative_text(inner)} ", href, is_code=False)
        elif inner.tag == f"{V}shape":
            pieces.add(f" {alternative_text(inner, 'alt')} ", href, is_code=False)
        todo += reversed(chosen(inner) if inner.tag == f"{MC}AlternateContent" else list(inner))


def _characters(node: Element, name: str) -> str:
    if name == "t":
        return node.text or ""
    if name in ("tab", "ptab"):
        return "\t"
    if name in ("br", "cr"):
        return "\n"
    if name == "noBreakHyphen":
        return "-"
    if name == "sym":
        try:
            code = int(node.get(f"{W}char", "")[:8], 16)
        except ValueError:
            return ""
        return _SYMBOLS.get(code & 0xFF, "") if 0xF000 <= code <= 0xF0FF else chr(code) if 0x20 <= code < 0xD800 else ""
    return ""


def _math(formula: Element) -> str:
    """Write a formula in one line, as far as its parts can be told in one."""
    pieces = []
    for node in formula.iter():
        if node.tag in _MATH_SIGNS:
            pieces.append(_MATH_SIGNS[node.tag])
        elif node.tag == f"{M}t":
            pieces.append(node.text or "")
    return "".join(pieces)


class _Pieces:
    """Running text that is being joined: pieces of one kind stand together, and code stands between backticks."""

    def __init__(self) -> None:
        self._pieces: list[tuple[list[str], str, bool]] = []
        self.has_text = False
        self.is_all_code = True

    def add(self, text: str, href: str, *, is_code: bool) -> None:
        text = text.translate(_INVISIBLE)
        if not text:
            return
        is_blank = not text.strip()
        if not is_blank:
            self.has_text = True
            self.is_all_code = self.is_all_code and is_code
        if self._pieces:
            before, link, code = self._pieces[-1]
            if link == href and (code == is_code or is_blank):
                before.append(text)
                return
        self._pieces.append(([text], href, is_code and not is_blank))

    def verbatim(self) -> str:
        """Return all characters."""
        return "".join(text for texts, _, _ in self._pieces for text in texts)

    def inlines(self) -> list[Inline]:
        """Return the pieces as running text."""
        joined = [("".join(texts), href, is_code) for texts, href, is_code in self._pieces]
        return [Inline(_quoted(text) if is_code else text, href) for text, href, is_code in joined]


def _quoted(text: str) -> str:
    bare = text.strip()
    if not bare or "`" in bare:
        return text
    start = text.index(bare)
    return f"{text[:start]}`{bare}`{text[start + len(bare) :]}"
