"""What a rule sees of a document and what it says about it: the types an extractor plug-in is written against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

COMMAND = "command"
OPTION = "option"
CONFIG_KEY = "config_key"
ENV_VAR = "env_var"
API_SYMBOL = "api_symbol"
ERROR_CODE = "error_code"
TERM = "term"

HAS_OPTION = "HAS_OPTION"
PART_OF = "PART_OF"


@dataclass(frozen=True, slots=True)
class CodeSpan:
    """A piece of inline code, and the prose just before and after it."""

    text: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A run of prose lines (a paragraph, list or table) with its inline code."""

    text: str
    spans: tuple[CodeSpan, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced block of code; the language is lower case, "" if the fence names none."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class SectionView:
    """One section as rules see it. `opens_heading`: it is the first one under its heading."""

    heading_path: tuple[str, ...]
    text: str
    paragraphs: tuple[Paragraph, ...]
    code: tuple[Code, ...]
    opens_heading: bool

    @property
    def heading(self) -> str:
        """The section's own heading, "" where there is none."""
        return self.heading_path[-1] if self.heading_path else ""


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as rules see it."""

    title: str
    source_uri: str
    sections: tuple[SectionView, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """An entity before it has an id: one of the kinds above (or a plug-in's own), and its canonical name."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Section `section` (an index) mentions an entity; with `relation` and `target` it also says how two entities stand."""

    section: int
    entity: Named
    relation: str = ""
    target: Named | None = None


@runtime_checkable
class Extractor(Protocol):
    """A rule. `name` is kept with all that it finds; raise `version` when it finds anything else in the same text."""

    @property
    def name(self) -> str:
        """Short, lower case, hyphens."""

    @property
    def version(self) -> int:
        """Part of the pipeline's fingerprint."""

    def find(self, document: DocumentView) -> Iterable[Finding]:
        """Yield what the rule finds: deterministic, no I/O, time linear in the text."""
