"""Rules on commands and their options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docgraph.extraction.findings import COMMAND, HAS_OPTION, OPTION, DocumentView, Finding, Named
from docgraph.extraction.shell import LONG_OPTION, WELL_KNOWN, CommandLine, calls, command_lines

_OPTION_SPAN = re.compile(
    r"(?:-[a-zA-Z](?:\s*[,/|]\s*|\s+))?--[a-zA-Z][\w-]*[a-zA-Z0-9](?:\s*[,/|]\s*-[a-zA-Z])?"  # -f, --file
    r"(?:(?:=|\s+|\[=)(?:<[^<>]{1,40}>|[A-Z][A-Z_]*|\S{1,60}))?\]?"  # and a value
    r"|-[a-zA-Z](?:\s+(?:<[^<>]{1,40}>|[A-Z][A-Z_]*))?"
)
#: An option with an example of its value, where the paragraph says that it speaks of options.
_WITH_VALUE = re.compile(r"-[a-zA-Z]\s+[a-z0-9][\w.:/-]{0,40}")
_SAYS_OPTION = re.compile(r"\b(?:option|switch|flag)(?:e?s)?\b", re.IGNORECASE)
_NAMES = re.compile(r"(?<![\w-])(?:--[a-zA-Z][\w-]*[a-zA-Z0-9]|-[a-zA-Z])(?![\w-])")
_OPTION_HEADING = re.compile(
    r"(?:-[a-zA-Z](?:\s+[A-Z_]+)?\s*[,/|]\s*)?--[a-zA-Z][\w-]*[a-zA-Z0-9](?:[ =]\S{1,40})?|-[a-zA-Z]\s*[,/|]\s*--[\w-]+"
)


class ShellCommands:
    """Commands called in shell code, each with the options of the same call."""

    name = "shell-command"
    version = 2

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield commands, options, and which command has which option."""
        for index, section in enumerate(document.sections):
            for block in section.code:
                for line in command_lines(block.language, block.text):
                    yield from _findings(index, line)


class InlineCommands:
    """Inline code that calls a program which is well known, or called in the document's shell code."""

    name = "inline-command"
    version = 2

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield commands, options, and which command has which option."""
        known = {
            line.command
            for section in document.sections
            for block in section.code
            for line in command_lines(block.language, block.text)
        }
        programs = WELL_KNOWN | {command.split()[0] for command in known}
        for index, section in enumerate(document.sections):
            for paragraph in section.paragraphs:
                for span in paragraph.spans:
                    text = span.text.removeprefix("$ ")
                    words = text.split()
                    if len(words) < 2 or words[0] not in programs or not _reads_as_call(words):
                        continue
                    for line in calls(text):
                        yield from _findings(index, line)


def _reads_as_call(words: list[str]) -> bool:
    # `make sure`, `go to`: English words are programs, too, but prose is not written as code with arguments like these.
    return words[:2] != ["make", "sure"] and all(
        word not in {"=", "==", ":=", "is", "to", "and", "or"} for word in words
    )


def _findings(index: int, line: CommandLine) -> Iterator[Finding]:
    command = Named(COMMAND, line.command)
    yield Finding(index, command)
    for option in line.options:
        yield Finding(index, command, HAS_OPTION, Named(OPTION, option))


class InlineOptions:
    """Inline code that is an option: `--flag`, `-f`, `-f, --flag VALUE`."""

    name = "inline-option"
    version = 2

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield options."""
        for index, section in enumerate(document.sections):
            for paragraph in section.paragraphs:
                said = _SAYS_OPTION.search(paragraph.text)
                for span in paragraph.spans:
                    if _OPTION_SPAN.fullmatch(span.text) or (said and _WITH_VALUE.fullmatch(span.text)):
                        yield from (Finding(index, Named(OPTION, name)) for name in _NAMES.findall(span.text))


class HeadingOptions:
    """A heading that is an option: the section documents it."""

    name = "heading-option"
    version = 1

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield options."""
        for index, section in enumerate(document.sections):
            if _OPTION_HEADING.fullmatch(section.heading) and LONG_OPTION.search(section.heading):
                yield from (Finding(index, Named(OPTION, name)) for name in _NAMES.findall(section.heading))
