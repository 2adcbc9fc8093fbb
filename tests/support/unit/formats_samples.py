"""Builders of documents for the tests of formats: deterministic prose, and documents whose every word is told apart."""

from __future__ import annotations

import os
import random
import subprocess
import sys

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.identity import document_id
from docgraph.formats import ParseOptions, parse

_SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "la",
    "me",
    "ni",
    "po",
    "ru",
    "sa",
    "te",
    "vi",
    "wo",
    "za",
    "ker",
    "lin",
    "mor",
    "tan",
]


def read(
    text: str | bytes,
    *,
    name: str = "guide/page.md",
    content_type: str = "text/markdown",
    options: ParseOptions | None = None,
) -> ParsedDocument:
    """Parse a text as the document `upload:///<name>` of the dataset `docs`."""
    uri = f"upload:///{name}"
    data = text if isinstance(text, bytes) else text.encode()
    return parse(
        data,
        document_id=document_id("docs", uri),
        source_uri=uri,
        tag="docs",
        content_type=content_type,
        options=options,
    )


def texts(parsed: ParsedDocument) -> list[str]:
    return [section.text for section in parsed.sections]


def ids(parsed: ParsedDocument) -> list[str]:
    return [section.section_id for section in parsed.sections]


class Prose:
    """Made-up prose, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def word(self) -> str:
        return "".join(self.random.choices(_SYLLABLES, k=self.random.randint(1, 3)))

    def sentence(self) -> str:
        words = [self.word() for _ in range(self.random.randint(5, 18))]
        return " ".join(words).capitalize() + "."

    def paragraph(self, most: int = 5) -> str:
        return " ".join(self.sentence() for _ in range(self.random.randint(1, most)))

    def paragraphs(self, number: int) -> list[str]:
        return [self.paragraph() for _ in range(number)]


def under_hash_seeds(program: str, *arguments: str, text: str | None = None) -> set[str]:
    """Run a program under three hash seeds and locales; returns what it prints, one text where that is the same each time."""
    return {
        subprocess.run(
            [sys.executable, "-c", program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed, "LC_ALL": locale},
        ).stdout
        for seed, locale in (("0", "C"), ("1", "C.UTF-8"), ("4711", "POSIX"))
    }
