"""The extractors there are: the built-in rules, and those that installed packages offer as `docgraph.extractors`."""

from __future__ import annotations

from functools import lru_cache

from docgraph.domain.plug_ins import with_plug_ins
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
    return with_plug_ins(
        BUILT_IN,
        group=ENTRY_POINT_GROUP,
        noun="extractor",
        kind=Extractor,  # type: ignore[type-abstract]
        otherwise=lambda made: "has no name, version or find(document); see docs/reference/extraction-rules.md.",
        load=lambda entry: entry.load()(),
    )
