"""Reads Jupyter notebooks (nbformat 3 and 4): Markdown cells as Markdown, code cells with their language and what they printed.

Nothing is executed and no picture is kept. Cell ids are not read: nbformat itself makes new ones for notebooks that lack them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docgraph.domain.content_types import kind_of
from docgraph.domain.errors import DocumentUnreadableError
from docgraph.domain.identity import canonical_text
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, Read, Source, built_in
from docgraph.formats.decoding import decode
from docgraph.formats.markdown import read_markdown
from docgraph.formats.outline import Outline, OutlineSection
from docgraph.formats.writer import OutlineWriter

#: Characters of what one cell printed that are kept.
MAX_OUTPUT = 2_000
_HEAD = 4_096
_MAGICS = {"bash": "bash", "sh": "sh", "javascript": "javascript", "js": "javascript", "html": "html", "latex": "latex",
           "perl": "perl", "ruby": "ruby", "sql": "sql", "R": "r"}  # fmt: skip
_LEVELS = range(1, 7)
_ERRORS = frozenset({"error", "pyerr"})
#: Colours and cursor movements of terminals (ECMA-48, section 5.4).
_ESCAPES = re.compile(r"\x1b\[[0-?]{0,40}[ -/]{0,10}[@-~]")


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell of either version: its kind, its source, what it printed, and the level of a heading cell (nbformat 3)."""

    kind: str
    source: str
    outputs: Sequence[Any] = ()
    level: int = 0
    #: Language of the cell itself (nbformat 3).
    language: str = ""


def sniff(data: bytes) -> float:
    """Tell whether the bytes are a JSON object that says it is a notebook, at its beginning or (as nbformat writes it) its end."""
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return IMPOSSIBLE
    edges = data[:_HEAD] + data[-_HEAD:]
    return CERTAIN if b'"nbformat"' in edges and (b'"cells"' in data or b'"worksheets"' in data) else IMPOSSIBLE


def read(data: bytes, source: Source) -> Read:
    """Read a notebook.

    Raises:
        DocumentError: it is not a notebook of nbformat 3 or 4 in JSON.
    """
    notebook = _loaded(decode(data, source.uri), source.uri)
    language = _language(notebook)
    writer = OutlineWriter()
    for number, cell in enumerate(_cells(notebook, source.uri), start=1):
        writer.place(f"cell {number}")
        if cell.kind == "heading":
            writer.heading(cell.level, cell.source)
        elif cell.kind == "markdown":
            _write_markdown(writer, cell.source)
        elif cell.kind == "code":
            writer.code(cell.source, _language_of_cell(cell.source, cell.language or language))
            writer.code(_printed(cell.outputs), "text")
        elif cell.source.strip():
            writer.paragraph(cell.source)
    text, outline = writer.read()
    return Read(text, outline)


def _loaded(text: str, uri: str) -> Mapping[str, Any]:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentUnreadableError(
            f"{uri} is no notebook that can be read: its JSON ends or breaks ({error}). Save it again in Jupyter."
        ) from error
    version = loaded.get("nbformat") if isinstance(loaded, dict) else None
    if version not in (3, 4):
        raise DocumentUnreadableError(
            f"{uri} is a notebook of nbformat {version!r}; 3 and 4 are read. Open it in a current Jupyter and save it."
        )
    return dict(loaded)


def _cells(notebook: Mapping[str, Any], uri: str) -> Iterator[_Cell]:
    sheets = notebook.get("worksheets") if notebook["nbformat"] == 3 else [notebook]
    for sheet in sheets if isinstance(sheets, list) else []:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        if not isinstance(cells, list):
            raise DocumentUnreadableError(f"{uri} is a notebook without a list of cells. Save it again in Jupyter.")
        for cell in cells:
            if isinstance(cell, dict):
                # nbformat 3 calls the source of a code cell its input.
                words = _joined(cell.get("source", cell.get("input", "")))
                outputs, level = cell.get("outputs"), cell.get("level", 1)
                yield _Cell(
                    str(cell.get("cell_type", "")),
                    words,
                    outputs if isinstance(outputs, list) else (),
                    level if isinstance(level, int) and level in _LEVELS else 1,
                    str(cell.get("language") or "").lower(),
                )


def _joined(value: object) -> str:
    """Return a multi-line text, which is a string or a list of lines."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _language(notebook: Mapping[str, Any]) -> str:
    metadata = notebook.get("metadata")
    said = metadata if isinstance(metadata, dict) else {}
    for part, key in (("kernelspec", "language"), ("language_info", "name")):
        found = said.get(part)
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return str(found[key]).lower()
    return "python"


def _language_of_cell(source: str, language: str) -> str:
    """Return the language of a code cell: its first line may say another one (`%%bash`)."""
    first = source.lstrip().split("\n", 1)[0].split()
    return _MAGICS.get(first[0].removeprefix("%%"), language) if first and first[0].startswith("%%") else language


def _printed(outputs: Sequence[Any]) -> str:
    """Return what a cell printed and the plain text of its results; what has a picture is that picture, and no text."""
    pieces = []
    for output in outputs:
        if not isinstance(output, dict):
            continue
        if output.get("output_type") in _ERRORS:
            said = _joined(["\n".join(map(str, output.get("traceback") or ()))])
            pieces.append(said or f"{output.get('ename', 'Error')}: {output.get('evalue', '')}")
            continue
        data = output.get("data", output)
        has_picture = isinstance(data, dict) and any(
            str(key).startswith(("image/", "png", "jpeg", "svg")) for key in data
        )
        plain = data.get("text/plain", data.get("text", "")) if isinstance(data, dict) and not has_picture else ""
        pieces.append(_joined(plain))
    text = _ESCAPES.sub("", "\n".join(piece.strip("\n") for piece in pieces if piece.strip()))
    return text if len(text) <= MAX_OUTPUT else f"{text[:MAX_OUTPUT].rstrip()}\n…"


def _write_markdown(writer: OutlineWriter, source: str) -> None:
    text = canonical_text(source)
    if not text.strip():
        return
    outline = read_markdown(text, 0)
    sections = tuple(section for section in outline.sections if section.level or section.blocks)
    if sections:
        writer.include(text, Outline(outline.title, sections, outline.warnings), at_own_level=True)
    _set_title(writer, sections)


def _set_title(writer: OutlineWriter, sections: Sequence[OutlineSection]) -> None:
    first = next((section for section in sections if section.level == 1 and section.heading_path), None)
    if writer.title is None and first is not None:
        writer.title = first.heading_path[-1]


FORMAT = built_in(kind_of("notebook"), 1, sniff, read)
