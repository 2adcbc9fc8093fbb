"""Reading the graph: what retrieval, the verdict and the adapters ask it. Changes nothing.

Neo4j is read-committed, so one statement can see half of a commit: nodes without their properties, an index that has lost
the old sections and does not know the new ones yet. Only one property of one node can't be torn. That is why membership is
a question of its own, decided inside the server against the one list property `generation`, and why what must be one
state is read under a `Stillness` that tells afterwards whether it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docgraph.domain.errors import InfrastructureError, ReadConflictError
from docgraph.domain.identity import text_hash
from docgraph.domain.retries import RetryPolicy
from docgraph.stores.graph import lucene
from docgraph.stores.graph.base import Base
from docgraph.stores.graph.schema import FULLTEXT_INDEX
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.graph.views import (
    DocumentView,
    FulltextHit,
    MadeDocument,
    Member,
    SectionText,
    SharedEntities,
)
from neo4j import exceptions as neo4j_errors

#: A statement that met nodes being deleted under it is repeated.
RETRIES = RetryPolicy(attempts=6, first_pause=0.01)
_CONFLICT = "Neo4j was changing what a statement read, time after time; ask again in a moment."
_DELETED_MEANWHILE = "Neo.ClientError.Statement.EntityNotFound"


@dataclass(frozen=True, slots=True)
class Table:
    """A reading statement whose rows come packed into one record: the driver spends more on a record than on what is in it."""

    query: str
    columns: tuple[str, ...]

    @classmethod
    def of(cls, statement: str, **columns: str) -> Table:
        """Let `statement` return each column's expression under its name."""
        return cls(f"{statement} RETURN collect([{', '.join(columns.values())}]) AS rows", tuple(columns))

    def rows(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Unpack what the statement returned, in its order."""
        return [dict(zip(self.columns, row, strict=True)) for row in records[0]["rows"]]


# Hits of the tag clause alone have score 0: text that Lucene makes no token of must match nothing, not everything.
_FULLTEXT = Table.of(
    "UNWIND range(0, size($lucene) - 1) AS asked "
    f"CALL db.index.fulltext.queryNodes('{FULLTEXT_INDEX}', $lucene[asked], {{limit: $limit}}) YIELD node, score "
    "WITH asked, node, score WHERE score > 0",
    asked="asked",
    section_id="node.id",
    document_id="node.document_id",
    score="score",
)
# Without the procedure's own limit, because a filter behind a limit loses hits; rows come best first and stop at LIMIT.
_FULLTEXT_FILTERED = Table.of(
    f"CALL db.index.fulltext.queryNodes('{FULLTEXT_INDEX}', $lucene) YIELD node, score "
    "WITH node, score WHERE score > 0 AND ($documents IS NULL OR node.document_id IN $documents) "
    "AND ($heading IS NULL OR toLower(node.heading_text) CONTAINS toLower($heading)) WITH node, score LIMIT $limit",
    section_id="node.id",
    document_id="node.document_id",
    score="score",
)
# The list is bound once and everything about the candidate follows from that one read.
_MEMBERSHIP = Table.of(
    "UNWIND $documents AS wanted OPTIONAL MATCH (d:Source {id: wanted[0]}) "
    "WITH wanted, d, d IS NOT NULL AND (d:Document OR d:Tombstone) AS committed, coalesce(d.anchors, []) AS anchors "
    "WITH wanted, d, anchors, CASE WHEN committed THEN d.generation ELSE [] END AS generation, "
    "CASE WHEN committed THEN d.fence ELSE 0 END AS fence",
    document_id="wanted[0]",
    fence="fence",
    tag="d.tag",
    deleted="d IS NULL OR NOT d:Document",
    generation_size="size(generation)",
    title="d.title",
    source_uri="d.source_uri",
    content_type="d.content_type",
    members="[i IN range(0, size(generation) - 1) WHERE generation[i] IN wanted[1] | [generation[i], i, anchors[i], "
    "CASE WHEN i > 0 THEN generation[i - 1] END, generation[i + 1]]]",
)
_SECTION = {
    "section_id": "s.id",
    "document_id": "s.document_id",
    "tag": "s.tag",
    "heading_path": "s.heading_path",
    "text": "s.text",
    "text_hash": "s.text_hash",
    "occurrence": "s.occurrence",
}
_SECTIONS = Table.of("UNWIND $ids AS id MATCH (s:Section {id: id})", **_SECTION)
_LIVE_SECTIONS = Table.of(
    "UNWIND $ids AS id MATCH (s:Section {id: id}) MATCH (d:Document {id: s.document_id}) WHERE id IN d.generation",
    **_SECTION,
)
_DOCUMENTS = (
    "UNWIND $ids AS id MATCH (d:Document {id: id}) RETURN d.id AS document_id, d.tag AS tag, "
    "d.source_uri AS source_uri, d.title AS title, d.content_type AS content_type, d.fence AS fence, "
    "d.version AS version, d.checksum AS checksum, d.committed_at AS committed_at, d.job_id AS job_id, "
    "size(d.generation) AS sections"
)
_DOCUMENTS_MATCHING = (
    "MATCH (d:Document {tag: $tag}) WHERE ($prefix IS NULL OR d.source_uri STARTS WITH $prefix) "
    "AND ($content_type IS NULL OR d.content_type = $content_type) RETURN d.id AS id ORDER BY id"
)
_AS_MADE = (
    "MATCH (d:Document {tag: $tag}) RETURN d.source_uri AS source_uri, coalesce(d.content_type, '') AS content_type, "
    "d.checksum AS checksum, coalesce(d.pipeline, '') AS pipeline ORDER BY source_uri"
)
# The chain of ever deeper levels in front of each place, nearest last, in one pass over the list.
_ABOVE = Table.of(
    "UNWIND $places AS place MATCH (d:Document {id: place[1]}) "
    "WITH place[0] AS id, place[2] AS position, d.generation AS generation, d.levels AS levels "
    "WHERE levels IS NOT NULL AND generation[position] = id "
    "WITH id, generation, reduce(chain = [], i IN range(0, position - 1) | CASE WHEN levels[i] < levels[position] "
    "THEN [j IN chain WHERE levels[j] < levels[i]] + [i] ELSE chain END) AS chain",
    section_id="id",
    above="[i IN chain | generation[i]]",
)
# An entity that most sections mention relates nothing to anything; the rarest shared ones come first.
_SHARED = Table.of(
    "UNWIND $ids AS id MATCH (:Section {id: id})-[:MENTIONS]->(e:Entity) WITH DISTINCT id, e "
    "WITH id, e, COUNT { (e)<-[:MENTIONS]-() } AS uses WHERE uses > 1 AND uses <= $common "
    "MATCH (e)<-[:MENTIONS]-(other:Section) WHERE other.id <> id AND NOT other.id IN $ids "
    "WITH DISTINCT id, other, e, uses WITH id, other, collect(e.name) AS names, sum(1.0 / uses) AS weight "
    "ORDER BY weight DESC, other.id "
    "WITH id, collect({section_id: other.id, document_id: other.document_id, names: names})[..$per] AS found "
    "UNWIND found AS f",
    section_id="id",
    related_id="f.section_id",
    document_id="f.document_id",
    names="f.names",
)
_DATASET_STATE = (
    "OPTIONAL MATCH (d:Source {tag: $tag}) WHERE d.fence IS NOT NULL "
    "RETURN count(d) AS documents, coalesce(sum(d.fence), 0) AS fences, coalesce(max(d.committed_at), '') AS newest"
)
_DATASETS = (
    "MATCH (s:Dataset) OPTIONAL MATCH (d:Document {tag: s.tag}) "
    "RETURN s.tag AS tag, s.embedding_version AS embedding_version, s.building AS building, "
    "count(d) AS documents, coalesce(sum(size(d.generation)), 0) AS sections ORDER BY tag"
)
# Documents in the order of their (hashed) ids, so the choice is spread over the dataset and the same each time.
_SAMPLE = (
    "MATCH (d:Document {tag: $tag}) WHERE size(d.generation) > 0 WITH d ORDER BY d.id LIMIT $limit "
    "RETURN d.generation[0..$each] AS ids"
)


class Reading(Base):
    """The reading half of the graph store."""

    def fulltext(
        self,
        tag: str,
        text: str,
        limit: int,
        *,
        document_ids: Sequence[str] | None = None,
        heading: str | None = None,
        stillness: Stillness | None = None,
    ) -> list[FulltextHit]:
        """Return the sections of a dataset that match a person's words, best first.

        `text` is what a person typed, never Lucene syntax: see `lucene`. `document_ids` and `heading` (part of the
        heading path, any case) restrict without losing hits to the limit. Text without a letter or digit finds nothing.
        """
        if document_ids is None and heading is None:
            return self.fulltext_many(tag, [text], limit, stillness=stillness)[0]
        inner = lucene.clause(text)
        if inner is None:
            return []
        parameters = {
            "lucene": lucene.restricted(tag, inner),
            "limit": limit,
            "documents": None if document_ids is None else list(document_ids),
            "heading": heading,
        }
        rows = self._read_whole(_FULLTEXT_FILTERED, ("section_id", "document_id"), parameters, stillness)
        return [FulltextHit(row["section_id"], row["document_id"], row["score"]) for row in rows]

    def fulltext_many(
        self, tag: str, texts: Sequence[str], limit: int, *, stillness: Stillness | None = None
    ) -> list[list[FulltextHit]]:
        """Return for each of the texts what `fulltext` would, all of it in one statement."""
        return self.fulltext_clauses(tag, [lucene.clause(text) for text in texts], limit, stillness=stillness)

    def fulltext_clauses(
        self, tag: str, clauses: Sequence[str | None], limit: int, *, stillness: Stillness | None = None
    ) -> list[list[FulltextHit]]:
        """Return for each clause of Lucene's syntax the sections of a dataset that match it; nothing for None.

        A clause is never a person's text: see `lucene.clause`, which makes one of it.
        """
        asked = {place: lucene.restricted(tag, inner) for place, inner in enumerate(clauses) if inner is not None}
        found: list[list[FulltextHit]] = [[] for _ in clauses]
        if asked:
            places, parameters = list(asked), {"lucene": list(asked.values()), "limit": limit}
            for row in self._read_whole(_FULLTEXT, ("section_id", "document_id"), parameters, stillness):
                hit = FulltextHit(row["section_id"], row["document_id"], row["score"])
                found[places[row["asked"]]].append(hit)
        return found

    def _read_whole(
        self, table: Table, keys: Sequence[str], parameters: dict[str, Any], stillness: Stillness | None
    ) -> list[dict[str, Any]]:
        """Read until no row lacks one of `keys`.

        While a commit is applied, a statement may meet nodes that are deleted under it: it fails, or their properties
        are null. Leaving such rows out would lose hits silently, so the statement is repeated.
        """

        def read() -> list[dict[str, Any]]:
            try:
                rows = table.rows(self._read_at(stillness, table.query, **parameters))
            except InfrastructureError as error:
                cause = error.__cause__
                if isinstance(cause, neo4j_errors.Neo4jError) and cause.code == _DELETED_MEANWHILE:
                    raise ReadConflictError(_CONFLICT) from error
                raise
            if any(row[key] is None for row in rows for key in keys):
                raise ReadConflictError(_CONFLICT)
            return rows

        return RETRIES.call(read, error=lambda error: isinstance(error, ReadConflictError))

    def dataset_state(self, tag: str, stillness: Stillness) -> tuple[int, int, str]:
        """Return what every commit to the dataset changes: number of documents, sum of their fences, newest commit.

        Looks at every document of the dataset, so it is asked only where the whole database did not stand still.
        """
        row = self._read_at(stillness, _DATASET_STATE, tag=tag)[0]
        return row["documents"], row["fences"], row["newest"]

    def membership(
        self, candidates: Mapping[str, Sequence[str]], *, stillness: Stillness | None = None
    ) -> dict[str, DocumentView]:
        """Decide in one statement which candidates their documents' generations contain.

        `candidates` maps document ids to section ids. Every document asked for is in the answer; one that is unknown or
        a tombstone is `deleted` and has no members.
        """
        documents = [[document, list(sections)] for document, sections in candidates.items()]
        rows = self._read_whole(_MEMBERSHIP, ("fence", "generation_size"), {"documents": documents}, stillness)
        return {row["document_id"]: _view(row) for row in rows}

    def sections(self, section_ids: Sequence[str], *, stillness: Stillness | None = None) -> dict[str, SectionText]:
        """Return those of the Section nodes that are visible and whole, by id; whether they are members is another question.

        While a commit is applied, a node may be there without some of its properties; its text hash tells.
        """
        rows = _SECTIONS.rows(self._read_at(stillness, _SECTIONS.query, ids=list(section_ids)))
        return {row["section_id"]: _section(row) for row in rows if _is_whole(row)}

    def live_sections(self, section_ids: Sequence[str]) -> list[SectionText]:
        """Return those of the sections that their documents' generations contain at this moment, in the given order."""
        rows = _LIVE_SECTIONS.rows(self._read(_LIVE_SECTIONS.query, ids=list(section_ids)))
        found = {row["section_id"]: _section(row) for row in rows if _is_whole(row)}
        return [found[i] for i in section_ids if i in found]

    def documents(self, document_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what is kept about each live document, by id; its `sections` is a number."""
        return {row["document_id"]: row for row in self._read(_DOCUMENTS, ids=list(document_ids))}

    def documents_matching(
        self, tag: str, *, source_prefix: str | None = None, content_type: str | None = None
    ) -> list[str]:
        """Return the ids of the dataset's live documents whose URI starts with this prefix and whose content type is this."""
        rows = self._read(_DOCUMENTS_MATCHING, tag=tag, prefix=source_prefix, content_type=content_type)
        return [row["id"] for row in rows]

    def documents_as_made(self, tag: str) -> list[MadeDocument]:
        """Return the dataset's live documents with what each was made from and by, by address."""
        return [MadeDocument(**row) for row in self._read(_AS_MADE, tag=tag)]

    def sections_above(
        self, places: Sequence[tuple[str, str, int]], *, stillness: Stillness | None = None
    ) -> dict[str, tuple[str, ...]]:
        """Return for each (section, document, position) the sections of ever higher levels in front of it, nearest first.

        The section of the heading around it is among them if that heading has text of its own; heading paths tell which.
        What no longer stands at its position is left out.
        """
        parameters = {"places": [list(place) for place in places]}
        rows = self._read_whole(_ABOVE, ("section_id", "above"), parameters, stillness)
        return {row["section_id"]: tuple(reversed(row["above"])) for row in rows}

    def shared_entities(
        self, section_ids: Sequence[str], *, per: int = 3, common: int = 50, stillness: Stillness | None = None
    ) -> list[SharedEntities]:
        """Return for each section up to `per` others that share its rarest entities.

        An entity with more than `common` mentions relates nothing. What is returned are candidates: ask `membership`.
        """
        parameters = {"ids": list(section_ids), "per": per, "common": common}
        rows = self._read_whole(_SHARED, ("related_id", "document_id"), parameters, stillness)
        return [SharedEntities(r["section_id"], r["related_id"], r["document_id"], tuple(r["names"])) for r in rows]

    def datasets(self) -> list[dict[str, Any]]:
        """Return every dataset: `{tag, embedding_version, building, documents, sections}`."""
        return self._read(_DATASETS)

    def sample_sections(self, tag: str, limit: int = 20, each: int = 5) -> list[str]:
        """Return the first `each` section ids of up to `limit` documents, spread over the dataset, the same each time."""
        return [i for row in self._read(_SAMPLE, tag=tag, limit=limit, each=each) for i in row["ids"]]


def _is_whole(row: dict[str, Any]) -> bool:
    if any(value is None for value in row.values()):
        return False
    return bool(row["text_hash"] == text_hash(row["heading_path"], row["text"]))


def _section(row: dict[str, Any]) -> SectionText:
    return SectionText(**{**row, "heading_path": tuple(row["heading_path"])})


def _view(row: dict[str, Any]) -> DocumentView:
    deleted = bool(row["deleted"])
    members = {} if deleted else {m[0]: Member(m[0], m[1], m[2] or "", m[3], m[4]) for m in row["members"]}
    return DocumentView(
        document_id=row["document_id"],
        tag=row["tag"] or "",
        fence=row["fence"],
        deleted=deleted,
        size=row["generation_size"],
        title=row["title"] or "",
        source_uri=row["source_uri"] or "",
        content_type=row["content_type"] or "",
        members=members,
    )
