"""What sources that read files agree on: names that are no documents, patterns that choose among the others, and names as text."""

from __future__ import annotations

import os
from urllib.parse import unquote

from pathspec import GitIgnoreSpec
from pydantic import Field

from docgraph.domain.content_types import content_type_of
from docgraph.sources.options import Options

#: Names that editors, copying tools and operating systems leave for a moment.
IGNORED_SUFFIXES = ("~", ".part", ".tmp", ".swp", ".crdownload")
UNKNOWN_CONTENT_TYPE = "application/octet-stream"


class PatternOptions(Options):
    """Which names are documents; patterns are those of `.gitignore`, relative to the source's place."""

    include: tuple[str, ...] = Field(
        default=(), description="Patterns of documents; empty: what a reader exists for, by the ending of its name."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Patterns of what is left out.")


class Patterns:
    """The patterns of a source, ready to be asked."""

    def __init__(self, options: PatternOptions) -> None:
        """Read the patterns."""
        self._include = GitIgnoreSpec.from_lines(options.include) if options.include else None
        self._exclude = GitIgnoreSpec.from_lines(options.exclude)

    def excludes(self, relative: str) -> bool:
        """Tell whether a name is left out; that of a folder ends in `/`."""
        return self._exclude.match_file(relative)

    def choose(self, relative: str) -> bool:
        """Tell whether a file of this name is a document."""
        if self.excludes(relative):
            return False
        return content_type_of(relative) is not None if self._include is None else self._include.match_file(relative)


def is_passing(name: str) -> bool:
    """Tell whether a file of this name is never a document: it is hidden, or it is still being written."""
    return name.startswith(".") or name.endswith(IGNORED_SUFFIXES)


def printable(name: str) -> str:
    """Return a file name as text: bytes that are no UTF-8 become the replacement character."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def path_below(prefix: str, uri: str) -> str:
    """Return the path that an address has below `prefix`; empty for addresses that are not below it."""
    if not uri.startswith(prefix):
        return ""
    relative = unquote(uri.removeprefix(prefix))
    return "" if ".." in relative.split("/") else relative
