"""What, beside a document's bytes, determines what is committed for it; so that "unchanged" can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docgraph.domain.identity import content_hash


@dataclass(frozen=True, slots=True)
class PipelineVersion:
    """Versions and options that hold for every document (`common`, a digest), and the version of each format.

    A document's own version names the format that it was read with, so that a corrected reader of one format leaves the
    documents of all others untouched.
    """

    common: str
    formats: Mapping[str, int]

    def of(self, format_name: str) -> str:
        """Return what is recorded with a document that was read as this format; empty: a document without a reader."""
        return f"{self.common}-{format_name}.{self.formats[format_name]}" if format_name else self.common

    def made(self, recorded: str) -> bool:
        """Whether a document with this record would be made alike today."""
        common, _, reader = recorded.partition("-")
        name, _, version = reader.rpartition(".")
        return common == self.common and str(self.formats.get(name, "")) == version

    @property
    def digest(self) -> str:
        """Identify all of it: workers with equal digests make equal documents (16 hex characters)."""
        return content_hash("pipeline", self.common, *(f"{n}.{v}" for n, v in sorted(self.formats.items())))[:16]
