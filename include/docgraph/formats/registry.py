"""The formats there are: the built-in ones, and those that installed packages offer as `docgraph.formats`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from docgraph.domain.plug_ins import with_plug_ins
from docgraph.formats import asciidoc, description, epub, html, man, markdown, notebook, office, pdf, plain_text, rst
from docgraph.formats.base import Format

ENTRY_POINT_GROUP = "docgraph.formats"

BUILT_IN: tuple[Format, ...] = (
    markdown.FORMAT,
    rst.FORMAT,
    asciidoc.FORMAT,
    html.FORMAT,
    notebook.FORMAT,
    office.DOCX,
    office.PPTX,
    pdf.FORMAT,
    epub.FORMAT,
    man.FORMAT,
    description.OPENAPI,
    description.JSON_SCHEMA,
    plain_text.FORMAT,
)


@lru_cache(maxsize=1)
def formats() -> Mapping[str, Format]:
    """Return all formats by name: the built-in ones, then plug-ins by name of their entry point.

    Raises:
        ConfigurationError: a plug-in can't be loaded, is not a format, or has the name of another one.
    """
    return with_plug_ins(
        BUILT_IN,
        group=ENTRY_POINT_GROUP,
        noun="format",
        kind=Format,
        otherwise=lambda made: (
            f"is a {type(made).__name__}, not a docgraph.formats.base.Format; see docs/howto/add-a-format.md."
        ),
    )


def versions() -> Mapping[str, int]:
    """Return the version of each format by name."""
    return {name: each.version for name, each in formats().items()}
