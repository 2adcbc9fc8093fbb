"""The extractors there are: the built-in rules, and those that installed packages offer as `docgraph.extractors`."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points

from docgraph.domain.errors import ConfigurationError
from docgraph.extraction.commands import HeadingOptions, InlineCommands, InlineOptions, ShellCommands
from docgraph.extraction.configuration import ConfigurationBlocks, ConfigurationProse
from docgraph.extraction.error_codes import HttpStatuses, ToolErrors
from docgraph.extraction.findings import Extractor
from docgraph.extraction.symbols import InlineSymbols, PythonDefinitions
from docgraph.extraction.terms import HeadingTerms
from docgraph.extraction.variables import EnvironmentVariables

ENTRY_POINT_GROUP = "docgraph.extractors"

BUILT_IN: tuple[Extractor, ...] = (
    ShellCommands(),
    InlineCommands(),
    InlineOptions(),
    HeadingOptions(),
    EnvironmentVariables(),
    ConfigurationBlocks(),
    ConfigurationProse(),
    ToolErrors(),
    HttpStatuses(),
    InlineSymbols(),
    PythonDefinitions(),
    HeadingTerms(),
)


@lru_cache(maxsize=1)
def extractors() -> dict[str, Extractor]:
    """Return all extractors by name: the built-in ones, then plug-ins by name of their entry point.

    Raises:
        ConfigurationError: a plug-in can't be loaded, is no extractor, or has the name of another one.
    """
    found = {extractor.name: extractor for extractor in BUILT_IN}
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            made = entry.load()()
        except Exception as error:
            raise ConfigurationError(
                f"The extractor {entry.name!r} ({entry.value}) can't be loaded: {error}; repair or uninstall its package."
            ) from error
        if not isinstance(made, Extractor):
            raise ConfigurationError(
                f"The extractor {entry.name!r} ({entry.value}) has no name, version or find(document); "
                "see docs/reference/extraction-rules.md."
            )
        if made.name in found:
            raise ConfigurationError(
                f"The extractor {entry.name!r} ({entry.value}) calls itself {made.name!r}, as another one does; "
                "rename it or uninstall its package."
            )
        found[made.name] = made
    return found
