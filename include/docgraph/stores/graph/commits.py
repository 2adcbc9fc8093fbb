"""Writing to the graph: the one transaction that makes a document's next generation visible.

Lock the Document first, read after, decide by `domain.protocol`, then write. Nothing else in docgraph changes a Document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import neo4j
from docgraph.domain.commit import CommitRequest, CommitResult, SectionRow
from docgraph.domain.documents import Committed
from docgraph.domain.errors import DocumentTooLargeError
from docgraph.domain.jobs import now
from docgraph.domain.protocol import Attempt, CommitDecision, decide_commit, is_staged_everywhere
from docgraph.domain.site_routes import name_of, route_of
from docgraph.stores.graph.base import Base, translated
from docgraph.stores.graph.datasets import locked_versions
from docgraph.stores.graph.schema import tag_token
from docgraph.stores.graph.stillness import Stillness

#: Rows sent with one statement; larger lists are cut, all inside the same transaction.
ROWS_PER_STATEMENT = 1000

_COMMITTED = (
    "d.id AS document_id, d.generation AS generation, d.fence AS fence, d.owner AS owner, "
    "d.version AS version, d.checksum AS checksum, d.pipeline AS pipeline, d:Tombstone AS deleted"
)
# A write takes the node's lock until the transaction ends; what is read in a *later* statement is what stands.
_LOCK = "MERGE (d:Source {id: $id}) SET d._lock = 1"
_READ_LOCKED = f"MATCH (d:Source {{id: $id}}) RETURN {_COMMITTED}"
_READ_MANY = f"UNWIND $ids AS id MATCH (d:Source {{id: id}}) RETURN {_COMMITTED}, d.tag AS tag"
_ENTITIES_OF = "UNWIND $ids AS id MATCH (:Section {id: id})-[:MENTIONS]->(e:Entity) RETURN DISTINCT e.id AS id"
# Ids come sorted, so that two documents that share entities lock them in the same order.
_MERGE_ENTITIES = (
    "UNWIND $rows AS row MERGE (e:Entity {id: row.id}) "
    "ON CREATE SET e.kind = row.kind, e.name = row.name SET e.tag = $tag"
)
_DROP_RELATIONS = "UNWIND $ids AS id MATCH ()-[r:RELATES {section_id: id}]->() DELETE r"
_DROP_LINKS = (
    "MATCH (:Source {id: $id})-[r:LINKS_TO]->(t:Source) WHERE r.section_id IN $ids "
    "WITH r, t.id AS target DELETE r RETURN DISTINCT target"
)
_DROP_MENTIONS = "UNWIND $ids AS id MATCH (:Section {id: id})-[r:MENTIONS]->() DELETE r"
_DROP_SECTIONS = "UNWIND $ids AS id MATCH (s:Section {id: id}) DETACH DELETE s"
_PRUNE_ENTITIES = (
    "UNWIND $ids AS id MATCH (e:Entity {id: id}) WHERE NOT EXISTS { (:Section)-[:MENTIONS]->(e) } DETACH DELETE e"
)
_PRUNE_TARGETS = (
    "UNWIND $ids AS id MATCH (t:Source {id: id}) WHERE NOT t:Document AND NOT t:Tombstone "
    "AND NOT EXISTS { (:Source)-[:LINKS_TO]->(t) } DELETE t"
)
_WRITE_SECTIONS = (
    "MATCH (d:Source {id: $id}) UNWIND $rows AS row "
    "MERGE (s:Section {id: row.properties.id}) SET s = row.properties MERGE (d)-[:HAS_SECTION]->(s) "
    "WITH s, row UNWIND row.mentions AS mention MATCH (e:Entity {id: mention[0]}) "
    "CREATE (s)-[:MENTIONS {rule: mention[1]}]->(e)"
)
_WRITE_RELATIONS = (
    "UNWIND $rows AS row MATCH (a:Entity {id: row.source}) MATCH (b:Entity {id: row.target}) "
    "CREATE (a)-[:RELATES {kind: row.kind, rule: row.rule, section_id: row.section}]->(b)"
)
_WRITE_LINKS = (
    "MATCH (d:Source {id: $id}) UNWIND $rows AS row "
    "MERGE (t:Source {id: row.target}) ON CREATE SET t.tag = $tag, t.source_uri = row.uri, t.route = row.route "
    "CREATE (d)-[l:LINKS_TO]->(t) SET l = row.properties"
)
_WRITE_DOCUMENT = "MATCH (d:Source {id: $id}) SET d += $properties SET d:Document REMOVE d:Tombstone REMOVE d._lock"
_WRITE_TOMBSTONE = "MATCH (d:Source {id: $id}) SET d += $properties SET d:Tombstone REMOVE d:Document REMOVE d._lock"
_LOCK_EXISTING = "MATCH (d:Source {id: $id}) SET d._lock = 1"
# What others link to stays, as what it was before it was ever ingested.
_FORGET = (
    "MATCH (d:Source {id: $id}) WHERE d:Tombstone AND d.fence = $fence AND NOT EXISTS { (d)-[:HAS_SECTION]->() } "
    "REMOVE d:Tombstone SET d = {id: d.id, tag: d.tag, source_uri: d.source_uri, route: d.route} RETURN d.id AS id"
)
_DELETE_UNLINKED = "MATCH (d:Source {id: $id}) WHERE NOT EXISTS { (:Source)-[:LINKS_TO]->(d) } DELETE d"
_UNLOCK = "MATCH (d:Source {id: $id}) REMOVE d._lock"
_ADVANCE_FENCE = (
    "MATCH (d:Source {id: $id}) SET d.fence = $fence, d.owner = $owner, d.tag = $tag REMOVE d._lock "
    "FOREACH (_ IN CASE WHEN d:Document THEN [] ELSE [1] END | "
    "SET d:Tombstone, d.generation = [], d.version = coalesce(d.version, 0), d.committed_at = $now)"
)


class _RefusedError(Exception):
    """Leaves the transaction function so that even the lock (which may have created the node) is rolled back."""

    def __init__(self, result: CommitResult) -> None:
        super().__init__(result.decision)
        self.result = result


class Commits(Base):
    """The writing half of the graph store."""

    def committed(self, document_id: str) -> Committed:
        """Return what stands for a document; one that was never committed has fence 0 and an empty generation."""
        return self.committed_many([document_id])[document_id]

    def committed_many(
        self, document_ids: Sequence[str], *, stillness: Stillness | None = None
    ) -> dict[str, Committed]:
        """Return what stands for each of the documents."""
        return self.committed_with_tags(document_ids, stillness=stillness)[0]

    def committed_with_tags(
        self, document_ids: Sequence[str], *, stillness: Stillness | None = None
    ) -> tuple[dict[str, Committed], dict[str, str]]:
        """Return what stands for each of the documents, and the tags of those that have a node."""
        rows = self._read_at(stillness, _READ_MANY, ids=list(document_ids))
        found = {row["document_id"]: _committed(row) for row in rows}
        tags = {row["document_id"]: row["tag"] or "" for row in rows}
        return {i: found.get(i, Committed(i)) for i in document_ids}, tags

    @translated
    def commit(self, request: CommitRequest) -> CommitResult:
        """Make a generation visible, or say why not; all of it in one transaction.

        The transaction may be repeated by the driver after a lost connection: what it had committed is then found by fence and owner.

        Raises:
            DocumentTooLargeError: the change does not fit into Neo4j's transaction memory.
            StoreUnavailableError: no connection; the outcome is unknown until the Document is read again.
        """
        try:
            with self._driver.session() as session:
                return session.execute_write(_commit, request)
        except _RefusedError as refused:
            return refused.result

    @translated
    def advance_fence(
        self, document_id: str, tag: str, *, fence: int, owner: str, generation: Sequence[str]
    ) -> CommitResult:
        """Commit a new fence with the generation unchanged: what an audit must do before it sweeps.

        A document that was never committed becomes a tombstone, so that a late attempt with a lower fence stays stale.
        """
        try:
            with self._driver.session() as session:
                return session.execute_write(_advance, document_id, tag, fence, owner, tuple(generation))
        except _RefusedError as refused:
            return refused.result

    @translated
    def forget(self, document_id: str, fence: int) -> bool:
        """Remove a document's tombstone if it still has this fence; False: it is none any more, or has another fence.

        Whether a late attempt can still be under way is the caller's question (decision 0011).
        """
        with self._driver.session() as session:
            return session.execute_write(_forget, document_id, fence)


def _committed(row: dict[str, Any]) -> Committed:
    return Committed(
        document_id=row["document_id"],
        generation=tuple(row["generation"] or ()),
        fence=row["fence"] or 0,
        owner=row["owner"] or "",
        version=row["version"] or 0,
        checksum=row["checksum"] or "",
        pipeline=row["pipeline"] or "",
        deleted=bool(row["deleted"]),
    )


def _run(tx: neo4j.ManagedTransaction, query: str, **parameters: Any) -> list[dict[str, Any]]:
    try:
        return tx.run(query, parameters).data()
    except neo4j.exceptions.TransientError as error:
        if error.code == "Neo.TransientError.General.MemoryPoolOutOfMemoryError":
            # Marked retryable by the server, but the same transaction never fits: leave the driver's retry loop.
            raise DocumentTooLargeError(
                "The document's change does not fit into one Neo4j transaction; raise the heap or split the document."
            ) from error
        raise


def _lock_and_read(tx: neo4j.ManagedTransaction, document_id: str) -> Committed:
    _run(tx, _LOCK, id=document_id)
    return _committed(_run(tx, _READ_LOCKED, id=document_id)[0])


def _commit(tx: neo4j.ManagedTransaction, request: CommitRequest) -> CommitResult:
    attempt, document_id = request.attempt, request.attempt.document_id
    document = _lock_and_read(tx, document_id)
    decision = decide_commit(document, attempt)
    if decision is CommitDecision.COMMIT and document.pipeline != request.base_pipeline:
        # Same sections, but what hangs on them was written by other rules than the rows reckon with.
        decision = CommitDecision.BASE_MOVED
    if decision is not CommitDecision.COMMIT:
        raise _RefusedError(CommitResult(decision, document))
    existing = set(document.generation)
    rewritten = [row.section_id for row in request.rows if row.section_id in existing]
    touched = list(request.removed) + rewritten
    freed = {row["id"] for chunk in _chunks(touched) for row in _run(tx, _ENTITIES_OF, ids=chunk)}
    _lock_entities(tx, request, freed)
    targets: set[str] = set()
    for chunk in _chunks(touched):
        _run(tx, _DROP_RELATIONS, ids=chunk)
        targets |= {row["target"] for row in _run(tx, _DROP_LINKS, id=document_id, ids=chunk)}
        _run(tx, _DROP_MENTIONS, ids=chunk)
    for chunk in _chunks(request.removed):
        _run(tx, _DROP_SECTIONS, ids=chunk)
    _write_rows(tx, request)
    if orphaned := sorted(freed - set(request.entities)):
        _run(tx, _PRUNE_ENTITIES, ids=orphaned)
    linked = {link.target for row in request.rows for link in row.links}
    if unlinked := sorted(targets - linked - {document_id}):
        _run(tx, _PRUNE_TARGETS, ids=unlinked)
    written = Committed(
        document_id=document_id,
        generation=request.generation,
        fence=attempt.fence,
        owner=attempt.owner,
        version=attempt.version,
        checksum=request.checksum,
        pipeline=request.pipeline,
        deleted=request.deleted,
    )
    _run(
        tx,
        _WRITE_TOMBSTONE if request.deleted else _WRITE_DOCUMENT,
        id=document_id,
        properties={
            **request.properties,
            "tag": request.tag,
            "source_uri": request.source_uri,
            "route": route_of(request.source_uri),
            "page_name": name_of(request.source_uri),
            "job_id": request.job_id,
            "checksum": request.checksum,
            "pipeline": request.pipeline,
            "generation": list(request.generation),
            "fence": attempt.fence,
            "owner": attempt.owner,
            "version": attempt.version,
            "committed_at": now(),
        },
    )
    return CommitResult(CommitDecision.COMMIT, written, _checked_versions(tx, request, document))


def _checked_versions(
    tx: neo4j.ManagedTransaction, request: CommitRequest, document: Committed
) -> tuple[str, ...] | None:
    """Refuse sections that were not staged in every version the dataset wants; returns these versions where they were asked for.

    The Dataset's lock comes last: the documents of a dataset wait for each other while they are applied, no longer.
    """
    added = set(request.generation) - set(document.generation)
    versions = locked_versions(tx, request.tag) if added else None
    if versions is not None and not is_staged_everywhere(versions.wanted, request.staged, added):
        raise _RefusedError(CommitResult(CommitDecision.VERSIONS_MOVED, document))
    return None if versions is None else tuple(versions.wanted)


def _lock_entities(tx: neo4j.ManagedTransaction, request: CommitRequest, freed: set[str]) -> None:
    """Lock, and where needed create, every entity that the commit touches, in the order of their ids."""
    nothing = (None, None)
    for chunk in _chunks(sorted(freed | set(request.entities))):
        rows = [
            {"id": i, "kind": kind, "name": name} for i in chunk for kind, name in [request.entities.get(i, nothing)]
        ]
        _run(tx, _MERGE_ENTITIES, rows=rows, tag=request.tag)


def _write_rows(tx: neo4j.ManagedTransaction, request: CommitRequest) -> None:
    document_id, token = request.attempt.document_id, tag_token(request.tag)
    for rows in _chunks(request.rows):
        _run(
            tx,
            _WRITE_SECTIONS,
            id=document_id,
            rows=[
                {
                    "properties": _section_properties(row, document_id, request.tag, token),
                    "mentions": [list(mention) for mention in row.mentions],
                }
                for row in rows
            ],
        )
        relations = [
            {"section": r.section_id, "source": source, "target": target, "kind": kind, "rule": rule}
            for r in rows
            for source, target, kind, rule in r.relations
        ]
        if relations:
            _run(tx, _WRITE_RELATIONS, rows=relations)
    links = [
        {
            "target": link.target,
            "uri": link.uri,
            "route": route_of(link.uri),
            "properties": {
                "anchor": link.anchor,
                "text": link.text,
                "section_id": row.section_id,
                "reference": link.reference,
                "kind": str(link.kind),
            },
        }
        for row in request.rows
        for link in row.links
    ]
    # Other documents' nodes are locked here: in the order of their ids, as every commit does.
    for chunk in _chunks(sorted(links, key=lambda link: link["target"])):
        _run(tx, _WRITE_LINKS, id=document_id, tag=request.tag, rows=chunk)


def _section_properties(row: SectionRow, document_id: str, tag: str, token: str) -> dict[str, Any]:
    return {
        "id": row.section_id,
        "document_id": document_id,
        "tag": tag,
        "tag_token": token,
        "heading_path": list(row.heading_path),
        "heading_text": " > ".join(row.heading_path),
        "text": row.text,
        "text_hash": row.text_hash,
        "occurrence": row.occurrence,
        "identifiers": row.identifiers,
    }


def _advance(
    tx: neo4j.ManagedTransaction, document_id: str, tag: str, fence: int, owner: str, generation: tuple[str, ...]
) -> CommitResult:
    document = _lock_and_read(tx, document_id)
    attempt = Attempt(document_id, owner, fence, document.version, generation)
    decision = decide_commit(document, attempt)
    if decision is not CommitDecision.COMMIT:
        raise _RefusedError(CommitResult(decision, document))
    _run(tx, _ADVANCE_FENCE, id=document_id, tag=tag, fence=fence, owner=owner, now=now())
    deleted = document.deleted or not document.fence
    return CommitResult(decision, replace(document, fence=fence, owner=owner, deleted=deleted))


def _forget(tx: neo4j.ManagedTransaction, document_id: str, fence: int) -> bool:
    _run(tx, _LOCK_EXISTING, id=document_id)
    if not _run(tx, _FORGET, id=document_id, fence=fence):
        _run(tx, _UNLOCK, id=document_id)
        return False
    _run(tx, _DELETE_UNLINKED, id=document_id)
    return True


def _chunks(items: Iterable[Any]) -> Iterable[list[Any]]:
    rows = list(items)
    return (rows[i : i + ROWS_PER_STATEMENT] for i in range(0, len(rows), ROWS_PER_STATEMENT))
