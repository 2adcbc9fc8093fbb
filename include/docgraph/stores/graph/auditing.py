"""Reading the graph for comparison: what must be in the vector store, exactly, and whether the graph agrees with itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from docgraph.domain.errors import InfrastructureError
from docgraph.domain.identity import text_hash
from docgraph.stores.graph.base import translated
from docgraph.stores.graph.reading import Reading
from docgraph.stores.graph.schema import FULLTEXT_INDEX, tag_token
from docgraph.stores.graph.stillness import Stillness

#: Rows fetched from the server at a time while streaming.
FETCH_SIZE = 2000
#: The server sorts this many ids at a time, so that its memory does not grow with the dataset either.
SLICE = 100_000
#: How often the full-text index is counted again because something was committed meanwhile.
ATTEMPTS = 5

# A Section node counts only if it hangs on the document that its id was hashed from.
_WHOLE = "CASE WHEN s.document_id = d.id AND EXISTS { (d)-[:HAS_SECTION]->(s) } THEN s.text_hash END AS text_hash"
_SECTIONS_OF = (
    "UNWIND $ids AS id MATCH (s:Section {document_id: id}) OPTIONAL MATCH (d:Source {id: id}) "
    f"RETURN id AS document_id, s.id AS section_id, {_WHOLE}, "
    "CASE WHEN $text THEN s.heading_path END AS heading_path, CASE WHEN $text THEN s.text END AS text"
)
_TAGS_OF = "UNWIND $ids AS id MATCH (d:Source {id: id}) RETURN id AS document_id, d.tag AS tag"
_SIZE_OF_DATASET = "MATCH (d:Document {tag: $tag}) RETURN coalesce(sum(size(d.generation)), 0) AS sections"
_LIVE_OF_DATASET = (
    "MATCH (d:Document {tag: $tag}) UNWIND d.generation AS id WITH d, id WHERE id >= $from AND id < $to "
    "OPTIONAL MATCH (s:Section {id: id}) "
    f"RETURN id AS section_id, d.id AS document_id, {_WHOLE}, "
    "CASE WHEN $text THEN s.heading_path END AS heading_path, CASE WHEN $text THEN s.text END AS text "
    "ORDER BY section_id"
)
_UNREACHABLE = (
    "MATCH (s:Section {tag: $tag}) WHERE NOT EXISTS { (:Source)-[:HAS_SECTION]->(s) } "
    "RETURN DISTINCT s.document_id AS document_id"
)
_MISCOUNTED = (
    "MATCH (d:Source {tag: $tag}) WHERE d:Document OR d:Tombstone "
    "WITH d WHERE COUNT { (d)-[:HAS_SECTION]->() } <> size(coalesce(d.generation, [])) RETURN d.id AS document_id"
)
_DOCUMENTS_OF = (
    "MATCH (d:Source {tag: $tag}) WHERE d:Document OR d:Tombstone "
    "RETURN d.id AS document_id, d.source_uri AS source_uri, d:Tombstone AS deleted, "
    "size(coalesce(d.generation, [])) AS sections ORDER BY d.id"
)
_DOCUMENTS_AT = (
    "MATCH (d:Source) WHERE (d:Document OR d:Tombstone) AND (d.source_uri = $uri OR d.id = $uri) "
    "AND ($tag IS NULL OR d.tag = $tag) RETURN d.id AS document_id, d.tag AS tag ORDER BY d.tag"
)
_DAMAGED_DOCUMENT = (
    "MATCH (d:Source {id: $id}) RETURN d.source_uri AS source_uri, d.tag AS tag, d.content_type AS content_type, "
    "d.job_id AS job_id, d.title AS title, d.front_matter AS front_matter"
)
_OLD_TOMBSTONES = (
    "MATCH (d:Tombstone) WHERE d.committed_at < $before RETURN d.id AS document_id, d.fence AS fence ORDER BY d.id"
)
_CHECKSUMS = "MATCH (d:Document) WHERE d.checksum <> '' RETURN DISTINCT d.checksum AS checksum"
_FULLTEXT_STATE = f"SHOW FULLTEXT INDEXES YIELD name, state WHERE name = '{FULLTEXT_INDEX}' RETURN state"
_INDEXED = f"CALL db.index.fulltext.queryNodes('{FULLTEXT_INDEX}', $lucene) YIELD node RETURN count(DISTINCT node.id) AS indexed"
_NODES = "MATCH (s:Section {tag: $tag}) RETURN count(s) AS nodes"


@dataclass(frozen=True, slots=True)
class LiveSection:
    """A member of a generation; `text_hash` is None where the Section node is missing, astray or altered."""

    section_id: str
    document_id: str
    text_hash: str | None


@dataclass(frozen=True, slots=True)
class FulltextCount:
    """How many Section nodes of a dataset there are, and how many of them the full-text index finds."""

    nodes: int
    indexed: int
    #: False: there is no such index, or it is not online.
    online: bool = True

    @property
    def in_step(self) -> bool:
        """Whether the index finds every node."""
        return self.online and self.nodes == self.indexed


class Auditing(Reading):
    """What comparisons read."""

    def section_hashes(
        self, document_ids: Sequence[str], *, with_text: bool = False, stillness: Stillness | None = None
    ) -> dict[str, dict[str, str]]:
        """Return, for each document, the text hash of every Section node that carries its id, "" for a damaged node.

        A node is damaged that does not hang on its document or, `with_text`, whose text does not have its hash.
        """
        found: dict[str, dict[str, str]] = {i: {} for i in document_ids}
        rows = self._stream(_SECTIONS_OF, stillness, ids=list(document_ids), text=with_text)
        for row in _still_there(rows, "section_id"):
            found[row["document_id"]][row["section_id"]] = _checked(row, with_text) or ""
        return found

    def tags_of(self, document_ids: Sequence[str]) -> dict[str, str]:
        """Return the tags of those of the documents that have a node."""
        return {row["document_id"]: row["tag"] or "" for row in self._read(_TAGS_OF, ids=list(document_ids))}

    def generations(self, tag: str, *, with_text: bool = False, size: int | None = None) -> Iterator[LiveSection]:
        """Yield every member of every generation of the dataset in the order of the section ids, streamed.

        `size` is about how many there are, where the caller knows.
        """
        if size is None:
            size = int(self._read(_SIZE_OF_DATASET, tag=tag)[0]["sections"])
        slices = max(1, -(-size // SLICE))
        # Ids are hashes, hence spread evenly over their first eight digits; "g" comes after every id.
        bounds = ["", *(f"{number * 2**32 // slices:08x}" for number in range(1, slices)), "g"]
        for start, end in pairwise(bounds):
            rows = self._stream(_LIVE_OF_DATASET, None, tag=tag, text=with_text, **{"from": start, "to": end})
            for row in rows:
                yield LiveSection(row["section_id"], row["document_id"], _checked(row, with_text))

    def inconsistent_documents(self, tag: str) -> set[str]:
        """Return the ids of documents that have more or fewer Section nodes than their generation names, or detached ones.

        Detached nodes may carry the id of a document that has no node itself.
        """
        rows = self._read(f"{_UNREACHABLE} UNION {_MISCOUNTED}", tag=tag)
        return {row["document_id"] for row in _still_there(rows, "document_id")}

    def documents_of(self, tag: str) -> list[dict[str, Any]]:
        """Return `{document_id, source_uri, deleted, sections}` of all documents and tombstones of the dataset."""
        return list(_still_there(self._read(_DOCUMENTS_OF, tag=tag), "document_id"))

    def documents_at(self, source_uri: str, tag: str | None = None) -> list[dict[str, str]]:
        """Return `{document_id, tag}` of the documents and tombstones at an address (or with this id), in all datasets or one."""
        return list(_still_there(self._read(_DOCUMENTS_AT, uri=source_uri, tag=tag), "document_id"))

    def description(self, document_id: str) -> dict[str, Any] | None:
        """Return what a document's or tombstone's node says beside its generation: address, tag, content type, job, title."""
        rows = self._read(_DAMAGED_DOCUMENT, id=document_id)
        return rows[0] if rows else None

    def old_tombstones(self, before: str) -> dict[str, int]:
        """Return the fences of the tombstones, of all datasets, that were last written to before this time (RFC 3339)."""
        rows = self._read(_OLD_TOMBSTONES, before=before)
        return {row["document_id"]: row["fence"] for row in _still_there(rows, "document_id")}

    def live_checksums(self) -> set[str]:
        """Return the checksums of what the live documents were made from: snapshots that a repair may need."""
        return {row["checksum"] for row in self._read(_CHECKSUMS)}

    def fulltext_count(self, tag: str) -> FulltextCount | None:
        """Count the dataset's sections in the graph and in the full-text index, at one moment.

        None: something was being committed each time, so that the two numbers can't be compared.
        """
        stillness = Stillness()
        self.mark(stillness)
        for _ in range(ATTEMPTS):
            stillness.begin()
            nodes = int(self._read_at(stillness, _NODES, tag=tag)[0]["nodes"])
            try:
                lucene = f'tag_token:"{tag_token(tag)}"'
                indexed = int(self._read_at(stillness, _INDEXED, lucene=lucene)[0]["indexed"])
            except InfrastructureError:
                # An index that is missing, or not online yet, refuses to be asked.
                if self._fulltext_is_online():
                    raise
                return FulltextCount(nodes, 0, online=False)
            if nodes == indexed:
                return FulltextCount(nodes, indexed)
            if stillness.held:
                return FulltextCount(nodes, indexed, online=self._fulltext_is_online())
        return None

    def _fulltext_is_online(self) -> bool:
        return any(row["state"] == "ONLINE" for row in self._read(_FULLTEXT_STATE))

    def _stream(self, query: str, stillness: Stillness | None, **parameters: Any) -> Iterator[dict[str, Any]]:
        bookmarks = None if stillness is None else stillness.bookmarks
        with self._driver.session(fetch_size=FETCH_SIZE, bookmarks=bookmarks) as session:
            result = self._open(session, query, parameters)
            while rows := self._fetch(result):
                yield from rows
            if stillness is not None:
                stillness.saw(session.last_bookmarks())

    @translated
    def _open(self, session: Any, query: str, parameters: dict[str, Any]) -> Any:
        return session.run(query, parameters)

    @translated
    def _fetch(self, result: Any) -> list[dict[str, Any]]:
        return [record.data() for record in result.fetch(FETCH_SIZE)]


def _still_there(rows: Iterable[dict[str, Any]], key: str) -> Iterator[dict[str, Any]]:
    """Leave out nodes that were deleted while they were read: their properties are null, and they are nobody's fault."""
    return (row for row in rows if row[key] is not None)


def _checked(row: dict[str, Any], with_text: bool) -> str | None:
    """Return the node's text hash; None where the node is damaged."""
    stored: str | None = row["text_hash"]
    if stored is None or not with_text:
        return stored
    return stored if text_hash(row["heading_path"] or (), row["text"] or "") == stored else None
