"""Reading the graph for comparison: what must be in the vector store, exactly, and whether the graph agrees with itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docgraph.stores.graph.base import Base, translated

#: Rows fetched from the server at a time while streaming.
FETCH_SIZE = 2000

_SECTIONS_OF = (
    "UNWIND $ids AS id MATCH (s:Section {document_id: id}) "
    "RETURN id AS document_id, s.id AS section_id, s.text_hash AS text_hash"
)
_LIVE_OF_DATASET = (
    "MATCH (d:Document {tag: $tag}) UNWIND d.generation AS id "
    "OPTIONAL MATCH (s:Section {id: id}) "
    "RETURN id AS section_id, d.id AS document_id, s.text_hash AS text_hash ORDER BY section_id"
)
_UNREACHABLE = (
    "MATCH (s:Section {tag: $tag}) WHERE NOT EXISTS { (:Document)-[:HAS_SECTION]->(s) } "
    "RETURN s.id AS section_id, s.document_id AS document_id LIMIT $limit"
)
_DOCUMENTS_OF = (
    "MATCH (d:Source {tag: $tag}) WHERE d:Document OR d:Tombstone "
    "RETURN d.id AS document_id, d.source_uri AS source_uri, d:Tombstone AS deleted ORDER BY d.id"
)


@dataclass(frozen=True, slots=True)
class LiveSection:
    """A member of a generation; `text_hash` is None where the Section node itself is missing."""

    section_id: str
    document_id: str
    text_hash: str | None


class Auditing(Base):
    """What comparisons read."""

    def section_hashes(self, document_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return, for each document, the text hash of every Section node that carries its id."""
        found: dict[str, dict[str, str]] = {i: {} for i in document_ids}
        for row in self._read(_SECTIONS_OF, ids=list(document_ids)):
            found[row["document_id"]][row["section_id"]] = row["text_hash"]
        return found

    def live_sections(self, tag: str) -> Iterator[LiveSection]:
        """Yield every member of every generation of the dataset in the order of the section ids, streamed."""
        for row in self._stream(_LIVE_OF_DATASET, tag=tag):
            yield LiveSection(row["section_id"], row["document_id"], row["text_hash"])

    def unreachable_sections(self, tag: str, limit: int = 1000) -> list[str]:
        """Return the ids of Section nodes that no Document has: the graph at odds with itself."""
        return [row["section_id"] for row in self._read(_UNREACHABLE, tag=tag, limit=limit)]

    def documents_of(self, tag: str) -> list[dict[str, Any]]:
        """Return `{document_id, source_uri, deleted}` of all documents and tombstones of the dataset."""
        return self._read(_DOCUMENTS_OF, tag=tag)

    def _stream(self, query: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        with self._driver.session(fetch_size=FETCH_SIZE) as session:
            result = self._open(session, query, parameters)
            while rows := self._fetch(result):
                yield from rows

    @translated
    def _open(self, session: Any, query: str, parameters: dict[str, Any]) -> Any:
        return session.run(query, parameters)

    @translated
    def _fetch(self, result: Any) -> list[dict[str, Any]]:
        return [record.data() for record in result.fetch(FETCH_SIZE)]
