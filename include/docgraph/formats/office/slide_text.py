"""Reads the text of shapes and tables on slides: paragraphs, lists with their depth, code by its font, links."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from docgraph.formats.fonts import is_fixed_pitch
from docgraph.formats.office.word_styles import integer, is_on
from docgraph.formats.office.xml import A, P, R
from docgraph.formats.writer import Inline, Item, OutlineWriter

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_SPAN = 100
_MAX_CELLS = 200_000
_COUNTED_FIELDS = ("slidenum", "datetime")
_LEVELS = 9


class TextWriter:
    """Writes bodies of text; `target` gives the address of a link by the id of its relationship."""

    def __init__(self, writer: OutlineWriter, target: Callable[[str], str]) -> None:
        self._writer = writer
        self._target = target

    def inlines(self, element: Element) -> list[Inline]:
        """Return the text of all paragraphs in an element as one run."""
        made: list[Inline] = []
        for paragraph in element.iter(f"{A}p"):
            made += [*self._inlines(paragraph), Inline(" ")]
        return made

    def write(self, shape: Element, *, is_list: bool) -> None:
        """Write a shape's text; with `is_list` its paragraphs have bullets where they don't say otherwise."""
        body = shape.find(f"{P}txBody")
        paragraphs = body.findall(f"{A}p") if body is not None else []
        written = [each for each in paragraphs if "".join(map(_characters, each)).strip()]
        if written and all(_is_code(paragraph) for paragraph in written):
            self._writer.code("\n".join("".join(map(_characters, paragraph)) for paragraph in paragraphs))
            return
        own = body.find(f"{A}lstStyle/{A}lvl1pPr") if body is not None else None
        if own is not None and own.find(f"{A}buNone") is not None:
            is_list = False
        items: list[Item] = []
        counts: list[int] = [0] * _LEVELS
        for paragraph in written:
            inlines = self._inlines(paragraph)
            depth, marker = _bullet(paragraph, counts, is_list=is_list and len(written) > 1)
            if marker:
                items.append(Item(tuple(inlines), depth, marker))
                continue
            self._writer.items(items)
            items = []
            self._writer.paragraph(inlines)
        self._writer.items(items)

    def _inlines(self, paragraph: Element) -> list[Inline]:
        made: list[Inline] = []
        for node in paragraph:
            text = _characters(node)
            if not text:
                continue
            link = node.find(f"{A}rPr/{A}hlinkClick")
            href = self._target(link.get(f"{R}id", "")) if link is not None else ""
            if text.strip() and _has_fixed_pitch(node) and "`" not in text:
                bare = text.strip()
                text = text.replace(bare, f"`{bare}`", 1)
                if made and made[-1].text.endswith("`") and text.startswith("`") and made[-1].href == href:
                    text, made[-1] = f"{made[-1].text[:-1]}{text[1:]}", Inline("", href)
            made.append(Inline(text, href if text.strip() else ""))
        return [each for each in made if each.text]


def plain(element: Element) -> str:
    """Return all text in an element, white space folded."""
    paragraphs = ("".join(map(_characters, paragraph)) for paragraph in element.iter(f"{A}p"))
    return " ".join(" ".join(paragraphs).split())


def table_rows(table: Element, text: TextWriter) -> tuple[list[list[list[Inline]]], int]:
    """Return a table's rows with every span filled, and how many of them are its header."""
    rows: list[list[list[Inline]]] = []
    count = 0
    for row in table.iterfind(f"{A}tr"):
        cells: list[list[Inline]] = []
        for cell in row.iterfind(f"{A}tc"):
            if is_on(cell.get("hMerge", "0")) and cells:
                cells.append(cells[-1])
            elif is_on(cell.get("vMerge", "0")) and rows and len(rows[-1]) > len(cells):
                cells.append(rows[-1][len(cells)])
            else:
                cells.append(text.inlines(cell))
        count += len(cells)
        if count > _MAX_CELLS:
            break
        rows.append(cells)
    properties = table.find(f"{A}tblPr")
    return rows, int(properties is not None and is_on(properties.get("firstRow", "0")))


def _characters(node: Element) -> str:
    if node.tag == f"{A}r":
        return (node.findtext(f"{A}t") or "").replace("_x000B_", "\n").replace("\v", "\n").replace("\u00ad", "")
    if node.tag == f"{A}br":
        return "\n"
    if node.tag == f"{A}fld" and not node.get("type", "").startswith(_COUNTED_FIELDS):
        return node.findtext(f"{A}t") or ""
    # A formula comes in an element of a newer schema.
    if node.tag.endswith("}m"):
        return "".join(each.text or "" for each in node.iter() if each.tag.endswith("/math}t"))
    return ""


def _is_code(paragraph: Element) -> bool:
    runs = [run for run in paragraph.iterfind(f"{A}r") if (run.findtext(f"{A}t") or "").strip()]
    return bool(runs) and all(map(_has_fixed_pitch, runs))


def _has_fixed_pitch(run: Element) -> bool:
    font = run.find(f"{A}rPr/{A}latin")
    return font is not None and is_fixed_pitch(font.get("typeface", ""))


def _bullet(paragraph: Element, counts: list[int], *, is_list: bool) -> tuple[int, str]:
    """Return the depth of a paragraph and its marker, which is empty where it is no item of a list."""
    properties = paragraph.find(f"{A}pPr")
    depth = max(0, min(_LEVELS - 1, integer(properties.get("lvl", "0")) or 0)) if properties is not None else 0
    counts[depth + 1 :] = [0] * (_LEVELS - depth - 1)
    if properties is not None:
        numbered = properties.find(f"{A}buAutoNum")
        if numbered is not None:
            start = integer(numbered.get("startAt", "1")) or 1
            counts[depth] = counts[depth] + 1 if counts[depth] else start
            return depth, f"{counts[depth]}."
        if properties.find(f"{A}buNone") is not None:
            counts[depth] = 0
            return depth, ""
        if properties.find(f"{A}buChar") is not None or properties.find(f"{A}buBlip") is not None:
            is_list = True
    counts[depth] = 0
    return depth, "-" if is_list or depth else ""
