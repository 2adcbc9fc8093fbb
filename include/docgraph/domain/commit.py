"""What a commit writes, as plain rows: made by the stages, carried out by the graph store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docgraph.domain.documents import Committed
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.domain.site_routes import LinkKind


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link from a section to another document: its id and address if the link is taken by the letter, and the link as written."""

    target: str
    uri: str
    anchor: str
    text: str
    reference: str = ""
    kind: LinkKind = LinkKind.ADDRESS


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A Section node with everything that hangs on it."""

    section_id: str
    heading_path: tuple[str, ...]
    text: str
    text_hash: str
    occurrence: int
    identifiers: str
    #: (entity id, rule)
    mentions: tuple[tuple[str, str], ...] = ()
    #: (source entity id, target entity id, kind, rule)
    relations: tuple[tuple[str, str, str, str], ...] = ()
    links: tuple[LinkRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """One document's next generation: all of its properties, and the rows of the sections that have to be written."""

    attempt: Attempt
    tag: str
    source_uri: str
    job_id: str
    checksum: str
    pipeline: str
    #: The pipeline of the committed generation that `rows` was computed against.
    base_pipeline: str
    generation: tuple[str, ...]
    removed: tuple[str, ...]
    #: Sections to create, or, where the pipeline changed, to write again.
    rows: Sequence[SectionRow]
    #: id → (kind, name), for every entity that the rows speak of.
    entities: Mapping[str, tuple[str, str]]
    #: title, content_type, front_matter (JSON), levels, starts, ends, anchors, wheres.
    properties: Mapping[str, object]
    deleted: bool = False
    #: Names of the embedding versions in which the sections that the generation gains were staged.
    staged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What was decided, and what the Document says now."""

    decision: CommitDecision
    document: Committed
    #: The embedding versions that the dataset wanted when the commit was made; None where the commit had no reason to ask.
    versions: tuple[str, ...] | None = None
