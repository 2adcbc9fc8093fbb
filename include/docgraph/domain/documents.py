"""What a document becomes: sections with their places, links, entities and relations, and differences between generations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from docgraph.domain.site_routes import LinkKind

#: Every collection in the vector store that is docgraph's begins with this.
COLLECTION_PREFIX = "docgraph_"


@dataclass(frozen=True, slots=True)
class Section:
    """The unit of retrieval: immutable, holds only what its id is hashed from."""

    section_id: str
    heading_path: tuple[str, ...]
    text: str
    occurrence: int = 0

    @property
    def embedded_text(self) -> str:
        """The text that is embedded: heading path, newline, text; never the title or front matter."""
        return embedded_text(self.heading_path, self.text)


def embedded_text(heading_path: Sequence[str], text: str) -> str:
    """Return the text that a section is embedded from."""
    return f"{' > '.join(heading_path)}\n{text}" if heading_path else text


@dataclass(frozen=True, slots=True)
class Place:
    """Where a section stands in the document's bytes; parallel to the sections, kept on the Document node."""

    level: int
    start: int
    end: int
    anchor: str
    #: Where in a source that has pages, slides or cells: `page iv`, `slide 3`, `cell 12`.
    where: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link out of a section: to another document (canonical address) or to the outside."""

    section: int
    target_uri: str
    anchor: str
    text: str
    #: As it is written, without its anchor: what it means by the rules of sites is decided when it is read (`domain.routes`).
    reference: str = ""
    kind: LinkKind = LinkKind.ADDRESS


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block of code inside a section."""

    section: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What the parse stage leaves: `places[i]` belongs to `sections[i]`."""

    document_id: str
    source_uri: str
    tag: str
    title: str
    content_type: str
    front_matter: Mapping[str, str]
    sections: tuple[Section, ...]
    places: tuple[Place, ...]
    links: tuple[Link, ...] = ()
    code_blocks: tuple[CodeBlock, ...] = ()
    warnings: tuple[str, ...] = ()
    #: Name of the format that it was read as.
    format: str = ""
    #: It has no text of its own; its one section, if any, is what its front matter says.
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that documentation talks about: command, option, configuration key, API symbol, error code, term."""

    entity_id: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A section mentions an entity; `rule` names the rule that found it."""

    section_id: str
    entity_id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Two entities stand in a relation, asserted by one section and one rule."""

    section_id: str
    source_id: str
    target_id: str
    kind: str
    rule: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found in the sections of a document."""

    entities: tuple[Entity, ...] = ()
    mentions: tuple[Mention, ...] = ()
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True)
class ExtractedDocument:
    """What the extract stage leaves: all that is known of a document before the graph is asked."""

    parsed: ParsedDocument
    extraction: Extraction


@dataclass(frozen=True, slots=True)
class Committed:
    """What the Document (or tombstone) node says: the truth about one document."""

    document_id: str
    generation: tuple[str, ...] = ()
    fence: int = 0
    owner: str = ""
    version: int = 0
    checksum: str = ""
    pipeline: str = ""
    deleted: bool = False

    @property
    def exists(self) -> bool:
        """Whether a reader can see the document."""
        return self.fence > 0 and not self.deleted


@dataclass(frozen=True, slots=True)
class Difference:
    """Target generation minus committed generation, as ordered id lists."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]

    @classmethod
    def between(cls, committed: Sequence[str], target: Sequence[str]) -> Difference:
        """Compare two generations; order alone makes no difference in these sets."""
        old, new = set(committed), set(target)
        return cls(
            added=tuple(i for i in target if i not in old),
            removed=tuple(i for i in committed if i not in new),
            kept=tuple(i for i in target if i in old),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What build_graph leaves: the document, and the difference of its generation against the committed one.

    It is all that the stages after it read, one artifact each.
    """

    document_id: str
    #: None for a deletion.
    document: ExtractedDocument | None
    base_generation: tuple[str, ...]
    difference: Difference
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A vector with the payload that its section id determines; the fence is added when it is staged."""

    section_id: str
    document_id: str
    tag: str
    vector: Sequence[float]
    text_hash: str
    vector_hash: str


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """A point as the vector store holds it; `vector` only where it was asked for."""

    section_id: str
    document_id: str
    tag: str
    fence: int
    text_hash: str
    vector_hash: str
    vector: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingVersion:
    """Model, revision, pooling, normalisation and text template, hashed to a short name; one collection each."""

    name: str
    model: str
    revision: str
    dimensions: int
    max_tokens: int
    template: str = field(default="heading-path-newline-text")

    @classmethod
    def named(cls, name: str) -> EmbeddingVersion:
        """Return a version of which only the name is known: enough to find its points, not to make any."""
        return cls(name=name, model="", revision="", dimensions=0, max_tokens=0)

    @property
    def collection(self) -> str:
        """Name of the Qdrant collection that holds this version's points."""
        return COLLECTION_PREFIX + self.name
