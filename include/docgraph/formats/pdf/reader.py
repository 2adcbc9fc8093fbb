"""Reads a PDF: pages, then what frames them, then headings, then the text between them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from docgraph.domain.errors import DocumentUnreadableError
from docgraph.formats.base import Read, Source
from docgraph.formats.pdf.columns import in_reading_order
from docgraph.formats.pdf.flow import Flow
from docgraph.formats.pdf.headings import Heading, by_fonts, by_outline
from docgraph.formats.pdf.margins import without_margins
from docgraph.formats.pdf.pages import Line, Page, entries, opened, pages
from docgraph.formats.writer import OutlineWriter

_MAX_NAMED = 10
#: Letters that only a font knows, and the share of them from which on a text is no text.
_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff]")
_MAX_UNKNOWN = 0.2


def read_pdf(data: bytes, source: Source) -> Read:
    """Read a PDF.

    Raises:
        DocumentUnreadableError: it is encrypted or damaged, or its pages are pictures without text.
    """
    document = opened(data, source.uri)
    try:
        found = list(pages(document))
        outline = entries(document)
        title = " ".join(document.get_metadata_value("Title").split())
    finally:
        document.close()
    writer = OutlineWriter()
    _check(found, writer, source.uri)
    body_size = _body_size(found)
    for page in found:
        page.lines = in_reading_order(page.lines)
    headings = by_outline(outline, found) if outline else {}
    printed = {
        id(line)
        for number, taken in headings.items()
        for at, heading in taken
        for line in found[number].lines[at : at + heading.lines]
    }
    kept = without_margins(found, body_size, lambda line: id(line) in printed)
    headings = _moved(headings, found, kept) if outline else by_fonts(kept, body_size)
    _write(writer, found, kept, headings)
    if title and not _is_name_of_file(title):
        writer.title = title
    elif sum(entry.level == 1 for entry in outline) > 1:
        # The first chapter is not what the manual is called.
        writer.title = None
    text, made = writer.read()
    return Read(text, made)


def _write(
    writer: OutlineWriter,
    found: Sequence[Page],
    kept: Sequence[list[Line]],
    headings: dict[int, list[tuple[int, Heading]]],
) -> None:
    flow = Flow(writer, [line for lines in kept for line in lines])
    for number, (page, lines) in enumerate(zip(found, kept, strict=True)):
        place = f"page {number + 1}"
        if page.label and page.label != str(number + 1):
            place += f" (label {page.label})"
        position = 0
        for at, heading in headings.get(number, ()):
            flow.write(lines[position:at])
            flow.flush()
            writer.place(place)
            writer.heading(heading.level, heading.text, f"page={number + 1}")
            position = max(position, at + heading.lines)
        writer.place(place)
        flow.write(lines[position:])
    flow.flush()


def _moved(
    headings: dict[int, list[tuple[int, Heading]]], found: Sequence[Page], kept: Sequence[list[Line]]
) -> dict[int, list[tuple[int, Heading]]]:
    """Count the lines at which headings begin anew, without the margins."""
    moved: dict[int, list[tuple[int, Heading]]] = {}
    for number, taken in headings.items():
        places = {id(line): at for at, line in enumerate(kept[number])}
        lines = found[number].lines
        moved[number] = []
        for at, heading in taken:
            following = (places[id(line)] for line in lines[at:] if id(line) in places)
            moved[number].append((next(following, len(kept[number])), heading))
    return moved


def _check(found: Sequence[Page], writer: OutlineWriter, source_uri: str) -> None:
    """Say which pages have no text, and refuse a document of pictures alone."""
    pictures = [number for number, page in enumerate(found, start=1) if page.has_pictures]
    if pictures and not any(page.lines for page in found):
        raise DocumentUnreadableError(
            f"{source_uri} has {len(found):,} pages and no text: they are pictures, as a scanner makes them. Recognise the text first "
            "(with OCRmyPDF, for example) and drop it again."
        )
    if pictures:
        named = ", ".join(map(str, pictures[:_MAX_NAMED])) + (" …" if len(pictures) > _MAX_NAMED else "")
        writer.warn(f"{len(pictures)} of {len(found)} pages are pictures without text and were left out (page {named})")
    letters = sum(len(line.text) for page in found for line in page.lines)
    unknown = sum(len(_UNKNOWN.findall(line.text)) for page in found for line in page.lines if not line.text.isascii())
    if unknown > _MAX_UNKNOWN * letters:
        writer.warn(
            "Most of the text is in fonts that don't say which letters they show; what was read may be no words"
        )


def _body_size(found: Sequence[Page]) -> float:
    letters = Counter[float]()
    for page in found:
        for line in page.lines:
            if not line.is_fixed:
                letters[round(line.size, 1)] += len(line.text)
    return max(letters.items(), key=lambda each: (each[1], each[0]))[0] if letters else 10.0


def _is_name_of_file(title: str) -> bool:
    """Tell a title that a program made up of a file's name."""
    return title.lower().startswith(("microsoft word", "untitled")) or title.lower().endswith(
        (".doc", ".docx", ".pdf", ".tex", ".dvi", ".indd", ".rtf", ".ppt", ".pptx", ".odt", ".md")
    )
