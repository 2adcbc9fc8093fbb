"""A markup format read bare, without detection and splitting: what the tests of such readers ask of it."""

from __future__ import annotations

from dataclasses import dataclass

from docgraph.formats.base import Format, Read, Source
from support.unit.formats_samples import under_hash_seeds

_PROGRAM = """
import hashlib, importlib
from docgraph.formats.base import Source
read = importlib.import_module("docgraph.formats.{name}").FORMAT.read(open(0, "rb").read(), Source("{uri}"))
print(hashlib.sha256(repr((read.text, [(s.heading_path, s.anchor, s.links) for s in read.outline.sections])).encode()).hexdigest())
"""


@dataclass(frozen=True)
class Markup:
    """A format, the address under which its tests read, and how it writes a document of the title "A" with a body."""

    format: Format
    uri: str
    titled: str

    def raw(self, text: str) -> Read:
        return self.format.read(text.encode(), Source(self.uri))

    def body(self, text: str) -> str:
        """Return the text below one heading."""
        written = self.raw(self.titled.format(text)).text
        assert written == "A" or written.startswith("A\n\n")
        return written[3:]

    def headings(self, text: str) -> list[tuple[int, str, str]]:
        found = self.raw(text).outline.sections
        return [(s.level, s.heading_path[-1], s.anchor) for s in found if s.heading is not None]

    def links(self, text: str) -> list[tuple[str, str]]:
        return [(link.text, link.reference) for s in self.raw(text).outline.sections for link in s.links]

    def code(self, text: str) -> list[tuple[str, str]]:
        return [
            (block.language, "\n".join(line for _, line in block.lines))
            for s in self.raw(text).outline.sections
            for block in s.code
        ]

    def answers_of_processes(self, text: str) -> set[str]:
        """Return what processes with other hash seeds and locales read, as hashes."""
        return under_hash_seeds(_PROGRAM.format(name=self.format.name, uri=self.uri), text=text)
