"""What is asked of a half of the projects, and which sections answer it. Reads pages as the pipeline does; asks nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from docgraph.domain.content_types import content_type_of
from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentError
from docgraph.runtime.connections import Runtime
from evaluation.corpus import File, read
from evaluation.sentences.holding_out import hold_out
from evaluation.sentences.projects import PROJECTS, Source, fetch, pages


class Kind(StrEnum):
    """How a question is put."""

    QUESTION = "question"
    PROBLEM = "problem or message"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the sections that answer it, and the project whose page asks it."""

    text: str
    kind: Kind
    project: str
    place: frozenset[str]


@dataclass(frozen=True, slots=True)
class Half:
    """The documents of a half of the projects under their tag, and the questions about them."""

    tag: str
    files: tuple[File, ...]
    documents: tuple[ParsedDocument, ...]
    questions: tuple[Asked, ...]

    @property
    def sections(self) -> int:
        """Number of sections of all documents."""
        return sum(len(document.sections) for document in self.documents)


def half(runtime: Runtime, folder: Path, *, held_out: bool) -> Half:
    """Return one half; packages that aren't there yet are fetched below `folder`.

    A question that two headings ask is left out, and so is one whose answer has no text of its own.

    Raises:
        PackageError: a package can't be fetched, or is not the pinned one.
    """
    tag = f"eval-sentences-{'held-out' if held_out else 'tuning'}"
    files, documents, found = [], [], []
    for project in PROJECTS:
        if project.held_out is not held_out:
            continue
        for source in pages(project, fetch(project, folder)):
            read_as = _read(runtime, tag, source)
            if read_as is not None:
                file, document, questions = read_as
                files.append(file)
                documents.append(document)
                found += questions
    times = Counter(question.text.casefold() for question in found)
    kept = tuple(question for question in found if times[question.text.casefold()] == 1)
    return Half(tag, tuple(files), tuple(documents), kept)


def _read(runtime: Runtime, tag: str, source: Source) -> tuple[File, ParsedDocument, list[Asked]] | None:
    text, held = source.data.decode("utf-8", "replace"), {}
    if source.asks:
        project = source.project
        out = hold_out(text, Path(source.name).suffix, below=project.below, titles=project.titles)
        text, held = out.text, out.questions
    file = File(f"upload:///{source.name}", text.encode(), content_type_of(source.name) or "text/markdown")
    try:
        document = read(runtime, tag, file)
    except DocumentError:
        # A page that only includes others, or has no text: there is nothing in it to be found.
        return None
    return file, document, _asked(source, document, held)


def _asked(source: Source, document: ParsedDocument, held: dict[str, str]) -> list[Asked]:
    name = source.project.name
    if not source.asks:
        sections = frozenset(section.section_id for section in document.sections)
        return [Asked(document.title, Kind.TITLE, name, sections)] if sections and document.title else []
    found = []
    for entry, question in held.items():
        place = _below(entry, document, whole=source.project.titles)
        if place:
            found.append(Asked(question, Kind.QUESTION if "?" in question else Kind.PROBLEM, name, place))
    return found


def _below(entry: str, document: ParsedDocument, *, whole: bool) -> frozenset[str]:
    """Return the sections below the heading that stands for a question, or all of the document whose title it is."""
    return frozenset(section.section_id for section in document.sections if whole or entry in section.heading_path)
