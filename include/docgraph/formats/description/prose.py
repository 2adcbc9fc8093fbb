"""Writes descriptions, which are CommonMark by both specifications, below the heading that is open."""

from __future__ import annotations

from docgraph.domain.identity import canonical_text
from docgraph.formats.writer import OutlineWriter


def write_prose(words: str, writer: OutlineWriter, *, as_sections: bool = True) -> None:
    """Write a description; its headings are sections below the open one, or, without `as_sections`, part of its text."""
    from docgraph.formats.markdown import read_markdown

    words = canonical_text(words).strip("\n")
    if words.strip():
        writer.include(words, read_markdown(words, 0), as_sections=as_sections)
