"""The formats there are: the built-in ones, and those that installed packages offer as `docgraph.formats`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import entry_points

from docgraph.domain.errors import ConfigurationError
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
    found = {each.name: each for each in BUILT_IN}
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            made = entry.load()
        except Exception as error:
            raise ConfigurationError(
                f"The format {entry.name!r} ({entry.value}) can't be loaded: {error}; repair or uninstall its package."
            ) from error
        if not isinstance(made, Format):
            raise ConfigurationError(
                f"The format {entry.name!r} ({entry.value}) is a {type(made).__name__}, not a docgraph.formats.base.Format; "
                "see docs/howto/add-a-format.md."
            )
        if made.name in found:
            raise ConfigurationError(
                f"The format {entry.name!r} ({entry.value}) calls itself {made.name!r}, as another one does; "
                "rename it or uninstall its package."
            )
        found[made.name] = made
    return found


def versions() -> Mapping[str, int]:
    """Return the version of each format by name."""
    return {name: each.version for name, each in formats().items()}
