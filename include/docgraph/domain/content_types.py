"""The kinds of document that docgraph reads out of the box: media types and extensions, one line a format. Reads no file.

The command line chooses files of a folder by it, and `formats.registry` gives each line its reader. Formats that plug-ins bring
are known to the registry alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Kind:
    """A format by name, with the media type that it is declared as and the endings of its files' names."""

    format: str
    media_type: str
    extensions: tuple[str, ...]
    aliases: tuple[str, ...] = ()


KINDS: tuple[Kind, ...] = (
    Kind("markdown", "text/markdown", (".md", ".markdown", ".mdx"), ("text/x-markdown", "text/mdx")),
    Kind("rst", "text/x-rst", (".rst", ".rest"), ("text/prs.fallenstein.rst", "text/restructured")),
    Kind("asciidoc", "text/asciidoc", (".adoc", ".asciidoc"), ("text/x-asciidoc",)),
    Kind("html", "text/html", (".html", ".htm", ".xhtml"), ("application/xhtml+xml",)),
    Kind("notebook", "application/x-ipynb+json", (".ipynb",)),
    Kind(
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        (".docx", ".docm", ".dotx"),
        (
            "application/vnd.ms-word.document.macroenabled.12",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
        ),
    ),
    Kind(
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        (".pptx", ".pptm", ".ppsx", ".potx"),
        (
            "application/vnd.ms-powerpoint.presentation.macroenabled.12",
            "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
            "application/vnd.openxmlformats-officedocument.presentationml.template",
        ),
    ),
    Kind("pdf", "application/pdf", (".pdf",), ("application/x-pdf",)),
    Kind("epub", "application/epub+zip", (".epub",)),
    Kind(
        "man",
        "text/troff",
        (".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".9", ".man", ".mdoc"),
        ("application/x-troff-man", "application/x-troff", "text/x-troff"),
    ),
    Kind(
        "openapi",
        "application/vnd.oai.openapi",
        ("openapi.yaml", "openapi.yml", "openapi.json"),
        ("application/vnd.oai.openapi+json", "application/openapi+yaml", "application/openapi+json"),
    ),
    Kind(
        "json-schema",
        "application/schema+json",
        (".schema.json", ".schema.yaml", ".schema.yml"),
        ("application/schema+yaml", "application/schema-instance+json"),
    ),
    Kind("plain-text", "text/plain", (".txt",)),
)

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {extension: kind.media_type for kind in KINDS for extension in kind.extensions}
)


def kind_of(format_name: str) -> Kind:
    """Return the line of a format.

    Raises:
        KeyError: no built-in format has this name.
    """
    return {kind.format: kind for kind in KINDS}[format_name]


def content_type_of(name: str) -> str | None:
    """Return the content type of a file by its extension, or None where no reader exists."""
    lowered = name.lower().removesuffix(".gz")
    return next((kind for extension, kind in CONTENT_TYPES.items() if lowered.endswith(extension)), None)
