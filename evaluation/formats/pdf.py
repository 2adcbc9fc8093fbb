"""Debian's manuals in PDF, and their truth: the PDF's own outline, and words and code of the same book as EPUB or HTML."""

from __future__ import annotations

import gzip
import io
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pypdf

from evaluation.formats import epub
from evaluation.formats.html import truth_of
from evaluation.formats.measuring import Case, Truth, folded
from evaluation.formats.packages import debian

_BOOKS = (
    ("XeTeX by dblatex", "debmake-doc", "usr/share/doc/debmake-doc/debmake-doc.en.pdf", "debmake-doc.en.epub"),
    ("XeTeX by Sphinx", "debian-policy", "usr/share/doc/debian-policy/policy.pdf.gz", "policy.epub"),
    (
        "XeTeX by Sphinx",
        "developers-reference",
        "usr/share/developers-reference/developers-reference.pdf",
        "developers-reference.epub",
    ),
)
_TREE = re.compile("[├│└]")
_FHS = "usr/share/doc/debian-policy/fhs/fhs-3.0.pdf.gz"
_COUNTED = re.compile(r"(?:Chapter )?(\d+(?:\.\d+)*)\. ")
_NUMBERS = r"(?:(?:CHAPTER|Chapter|APPENDIX|Appendix)\s*\S+|(?:\d+|[A-Z])(?:\.\d+)*)\.?\s*"


def cases(folder: Path) -> Iterator[Case]:
    """Yield the manuals; their packages are fetched into `folder` once."""
    for group, package, path, book in _BOOKS:
        file = debian(package, folder) / path
        data = _unpacked(file)
        text = epub.truth(file.with_name(book).read_bytes())
        code = tuple(map(_on_paper, text.code))
        truth = Truth(tuple(_outline(data)), code, text.text, by_line=True)
        yield Case("pdf", f"PDF ({group})", file.name, data, truth)
    file = debian("debian-policy", folder) / _FHS
    page = truth_of(file.with_name("fhs-3.0.html").read_bytes(), "//body", '//div[@class="toc"]')
    # The published page has a level more, and calls what the PDF only sets in bold a heading: numbers say it all.
    counted = [(found[1].count(".") + 1, text) for _, text in page.headings if (found := _COUNTED.match(text))]
    truth = replace(page, headings=tuple(counted), code=(), anchors=None)
    yield Case("pdf", "PDF without an outline (FHS)", file.name, _unpacked(file), truth)


def _on_paper(block: str) -> str:
    """Return code as a page can show it: blanks in front of all lines can't be seen, and one book's trees of files are misprinted."""
    lines = textwrap.dedent(block.replace("\xa0", " ")).split("\n")
    return "\n".join(line for line in lines if not _TREE.search(line))


def _unpacked(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def _outline(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the outline's entries, each with the number that is printed in front of it on its page."""
    reader = pypdf.PdfReader(io.BytesIO(data))
    texts: dict[int, str] = {}
    for level, entry in _flat(reader.outline, 1):
        title = folded(str(entry.title))
        page = reader.get_destination_page_number(entry)
        if page is None:
            continue
        if page not in texts:
            texts[page] = reader.pages[page].extract_text()
        # This parser glues words, and titles may be broken.
        words = r"\s*-?\s*".join(re.escape(each) for each in title if not each.isspace())
        forms = (words, f"(?i:{words})")
        found = (re.search(rf"^\s*({_NUMBERS})(?:{form})\s*$", texts[page], re.MULTILINE) for form in forms)
        printed = next(filter(None, found), None)
        number = re.sub(r"(?<=[A-Za-z])(?=\d)", " ", " ".join(printed[1].split())) if printed else ""
        yield level, f"{number} {title}".strip()


def _flat(entries: Iterable[object], level: int) -> Iterator[tuple[int, pypdf.generic.Destination]]:
    for entry in entries:
        if isinstance(entry, list):
            yield from _flat(entry, level + 1)
        elif isinstance(entry, pypdf.generic.Destination):
            yield level, entry
