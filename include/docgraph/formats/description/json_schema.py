"""Writes a JSON Schema: what it describes, its properties, and a section for each of its definitions."""

from __future__ import annotations

from posixpath import basename
from urllib.parse import unquote, urlsplit

from docgraph.formats.description.loading import Map, mapping, text
from docgraph.formats.description.prose import write_prose
from docgraph.formats.description.schemas import write_schema
from docgraph.formats.writer import OutlineWriter


def write_json_schema(root: Map, writer: OutlineWriter, source_uri: str) -> None:
    """Write a schema; without a title it is called after its `$id` or its file."""
    title = text(root.get("title")).strip() or basename(urlsplit(text(root.get("$id")) or source_uri).path)
    writer.heading(1, unquote(title) or "Schema", slug=False)
    write_prose(text(root.get("description")), writer)
    write_schema(root, writer)
    for key in ("$defs", "definitions"):
        for name, definition in mapping(root.get(key)).items():
            pointer = f"/{key}/{name}"
            described = mapping(definition)
            writer.place(pointer)
            heading = text(described.get("title")).strip() or name
            writer.heading(2, heading, pointer)
            if heading != name:
                writer.paragraph(f"`{name}`")
            write_prose(text(described.get("description")), writer)
            write_schema(definition, writer)
    writer.place("")
