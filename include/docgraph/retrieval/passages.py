"""Reading what a search has found: one section, a stretch of a document, and what stands near a section.

Each is a validated read like a search's: what is given back stood together in one committed generation. Nothing here
ranks, and nothing asks the vector store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from docgraph.domain.errors import DocgraphError, InfrastructureError, ReadConflictError
from docgraph.domain.site_routes import Site
from docgraph.retrieval.answer import Related
from docgraph.retrieval.expansion import expand
from docgraph.retrieval.validated import (
    MAX_ROUNDS,
    Beside,
    Candidate,
    Candidates,
    Hit,
    ValidatedRead,
    validated_read,
)
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.stillness import Stillness

T = TypeVar("T")

#: Sections read at once: membership compares each with the whole generation, so a long document is read in stretches.
MAX_SECTIONS = 200


class SectionNotFoundError(DocgraphError):
    """No section has this id (any more); search again for the present one."""

    code = "section_not_found"


class DocumentNotFoundError(DocgraphError):
    """No document of this dataset has this id; `ingestctl explain` says why a file is not there."""

    code = "document_not_found"


@dataclass(frozen=True, slots=True)
class Passage:
    """Sections of one document that stood together in its generation of fence `fence`, in their order.

    `start` is the place of the first one, counted from 0, `total` the number of sections of the document.
    """

    document_id: str
    tag: str
    title: str
    source_uri: str
    content_type: str
    fence: int
    start: int
    total: int
    hits: tuple[Hit, ...]

    @property
    def next_start(self) -> int | None:
        """Where reading goes on; None at the end of the document."""
        end = self.start + len(self.hits)
        return end if end < self.total else None

    @property
    def text(self) -> str:
        """The sections as Markdown: a heading line where the heading path changes, then the section's text."""
        blocks: list[str] = []
        before: Sequence[str] = ()
        for hit in self.hits:
            path = hit.section.heading_path
            shared = 0
            while shared < min(len(before), len(path)) and before[shared] == path[shared]:
                shared += 1
            blocks += [f"{'#' * min(depth + 1, 6)} {path[depth]}" for depth in range(shared, len(path))]
            blocks.append(hit.section.text)
            before = path
        return "\n\n".join(blocks) + "\n" if blocks else ""


def read_section(reader: GraphStore, section_id: str) -> Hit:
    """Return a section with its place in its document's present generation.

    Raises:
        SectionNotFoundError: no generation contains it.
        ReadConflictError: its document kept changing while it was read.
        StoreUnavailableError: Neo4j can't be reached.
    """
    hit, _ = _read_section(reader, section_id)
    return hit


def near(
    reader: GraphStore, section_id: str, sites: Mapping[str, Sequence[Site]] | None = None
) -> tuple[Hit, tuple[Related, ...]]:
    """Return a section and what stands near it in the graph: neighbours, parent, shared entities, linked documents.

    Both are of one state. `sites` are, by tag, those that datasets are published as.

    Raises:
        SectionNotFoundError: no generation contains it.
        ReadConflictError: its document kept changing while it was read.
        StoreUnavailableError: Neo4j can't be reached.
    """

    def beside(_: Candidates, hits: Mapping[str, Hit], stillness: Stillness) -> tuple[Related, ...]:
        found = list(hits.values())
        published = (sites or {}).get(found[0].section.tag, ()) if found else ()
        return expand(reader, found, stillness, published).get(section_id, ())

    hit, found = _read_section(reader, section_id, beside)
    if found is None:
        raise ReadConflictError(f"What is near {section_id} kept changing while it was read; ask again in a moment.")
    return hit, found


def _read_section(reader: GraphStore, section_id: str, beside: Beside[T] | None = None) -> tuple[Hit, T | None]:
    tag = _tag_of_section(reader, section_id)

    def ask(stillness: Stillness) -> Candidates:
        found = reader.sections([section_id], stillness=stillness).values()
        return Candidates((), tuple(Candidate(s.section_id, s.document_id, bm25=0.0) for s in found))

    read = validated_read(reader, tag, ask, beside)
    hit = read.hits.get(section_id)
    if hit is None:
        raise _unknown_section(section_id)
    return hit, read.beside


def read_passage(reader: GraphStore, tag: str, document_id: str, start: int = 0, limit: int = MAX_SECTIONS) -> Passage:
    """Return up to `limit` sections of a document from the place `start` on (counted from 0).

    Raises:
        DocumentNotFoundError: the dataset has no such document, it was deleted, or it has no section at `start`.
        ReadConflictError: the document kept changing while it was read.
        StoreUnavailableError: Neo4j can't be reached.
    """
    for _ in range(MAX_ROUNDS):
        passage = _read_once(reader, tag, document_id, start, min(limit, MAX_SECTIONS))
        if passage is not None:
            return passage
    raise ReadConflictError(f"The document {document_id} was being replaced while it was read; ask again in a moment.")


def _read_once(reader: GraphStore, tag: str, document_id: str, start: int, limit: int) -> Passage | None:
    """Read the stretch as the generation names it; None: another generation stood before the read was through."""
    generation = reader.committed(document_id).generation
    wanted = generation[start : start + limit]
    if not wanted:
        raise _no_passage(tag, document_id, start, len(generation))
    candidates = Candidates((), tuple(Candidate(i, document_id, bm25=0.0) for i in wanted))
    read: ValidatedRead[None] = validated_read(reader, tag, lambda _: candidates)
    if read.dropped:
        return None
    hits = tuple(sorted(read.hits.values(), key=lambda hit: hit.member.position))
    if len(hits) < len(wanted):
        raise InfrastructureError(
            f"The graph has lost {len(wanted) - len(hits)} of {len(wanted)} sections of the document {document_id}. "
            "Ingest the document again."
        )
    document = hits[0].document
    if document.tag != tag:
        raise _no_passage(tag, document_id, start, 0)
    if document.size != len(generation) or hits[0].member.position != start:
        return None
    return Passage(
        document_id=document_id,
        tag=tag,
        title=document.title,
        source_uri=document.source_uri,
        content_type=document.content_type,
        fence=document.fence,
        start=start,
        total=document.size,
        hits=hits,
    )


def _no_passage(tag: str, document_id: str, start: int, total: int) -> DocumentNotFoundError:
    if 0 < total <= start:
        return DocumentNotFoundError(f"The document {document_id} has {total} sections, so none at place {start}.")
    return DocumentNotFoundError(
        f"The dataset {tag!r} has no document with the id {document_id}; it was deleted or never ingested. Search again."
    )


def _tag_of_section(reader: GraphStore, section_id: str) -> str:
    """Return the dataset of a section; that there is none is believed only of a graph that stood still."""
    stillness = Stillness()
    reader.mark(stillness)
    for _ in range(MAX_ROUNDS):
        section = reader.sections([section_id], stillness=stillness).get(section_id)
        if section is not None:
            return section.tag
        if stillness.held:
            raise _unknown_section(section_id)
        stillness.begin()
    raise ReadConflictError("The graph kept changing while the section was looked up; ask again in a moment.")


def _unknown_section(section_id: str) -> SectionNotFoundError:
    return SectionNotFoundError(
        f"No document has a section with the id {section_id!r}: its text was changed or removed since it was found, or the "
        "id was mistyped. Search again and use the section_id of the new hit."
    )
