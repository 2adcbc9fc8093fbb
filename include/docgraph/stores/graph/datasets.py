"""The Dataset nodes: which embedding versions a dataset has. A change waits for the commits that are under way, and they for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import neo4j
from docgraph.domain.jobs import now
from docgraph.domain.versions import DatasetVersions
from docgraph.stores.graph.base import Base, translated

_VERSIONS = (
    "s.embedding_version AS embedding_version, s.building AS building, "
    "coalesce(s.kept, []) AS kept, coalesce(s.retiring, []) AS retiring"
)
_ENSURE = (
    "MERGE (s:Dataset {tag: $tag}) ON CREATE SET s.embedding_version = $version, s.created_at = $now "
    f"RETURN s.tag AS tag, {_VERSIONS}"
)
_DATASET = f"MATCH (s:Dataset {{tag: $tag}}) RETURN s.tag AS tag, {_VERSIONS}"
_SUMMARY = (
    "OPTIONAL MATCH (s:Dataset {tag: $tag}) OPTIONAL MATCH (d:Document {tag: $tag}) "
    "WITH s, count(d) AS documents, coalesce(sum(size(d.generation)), 0) AS sections "
    "RETURN CASE WHEN s IS NULL THEN NULL ELSE {tag: s.tag, embedding_version: s.embedding_version, building: s.building, "
    "kept: coalesce(s.kept, []), retiring: coalesce(s.retiring, [])} END AS dataset, "
    "documents, sections, COUNT { (:Entity {tag: $tag}) } AS entities"
)
# A write takes the node's lock until the transaction ends; what is read in a *later* statement is what stands.
_LOCK = "MATCH (s:Dataset {tag: $tag}) SET s._lock = 1 REMOVE s._lock"
_SET = (
    "MATCH (s:Dataset {tag: $tag}) SET s.embedding_version = $current, s.building = $building, s.kept = $kept, "
    "s.retiring = $retiring"
)
_USERS = (
    "MATCH (s:Dataset) WHERE $version IN [s.embedding_version, s.building] OR $version IN coalesce(s.kept, []) "
    "OR $version IN coalesce(s.retiring, []) RETURN s.tag AS tag ORDER BY tag"
)


class Datasets(Base):
    """What is said about datasets as a whole."""

    def ensure_dataset(self, tag: str, embedding_version: str) -> dict[str, Any]:
        """Return the dataset's node, made with `embedding_version` where there is none; as `dataset`."""
        return self._write(_ENSURE, tag=tag, version=embedding_version, now=now())[0]

    def dataset(self, tag: str) -> dict[str, Any] | None:
        """Return the dataset's node, `{tag, embedding_version, building, kept, retiring}`, or None."""
        rows = self._read(_DATASET, tag=tag)
        return rows[0] if rows else None

    def dataset_with_counts(self, tag: str) -> tuple[dict[str, Any] | None, dict[str, int]]:
        """Return what `dataset` and `counts` say, of one moment and in one statement."""
        row = self._read(_SUMMARY, tag=tag)[0]
        return row.pop("dataset"), row

    def counts(self, tag: str) -> dict[str, int]:
        """Return the dataset's numbers of live documents, of sections in their generations, and of entities."""
        return self.dataset_with_counts(tag)[1]

    def dataset_versions(self, tag: str) -> DatasetVersions | None:
        """Return the dataset's embedding versions, or None where there is no such dataset."""
        dataset = self.dataset(tag)
        return None if dataset is None else _versions(dataset)

    def datasets_with(self, embedding_version: str) -> list[str]:
        """Return the tags of the datasets that use, build, keep or are giving up a version."""
        return [row["tag"] for row in self._read(_USERS, version=embedding_version)]

    @translated
    def change_versions(self, tag: str, change: Callable[[DatasetVersions], DatasetVersions]) -> DatasetVersions:
        """Change a dataset's embedding versions under its lock, and return them; what `change` raises leaves all as it was.

        `change` may be called again after a lost connection, so it must leave alone what it made before.

        Raises:
            LookupError: there is no such dataset.
        """
        with self._driver.session() as session:
            return session.execute_write(_change, tag, change)


def locked_versions(tx: neo4j.ManagedTransaction, tag: str) -> DatasetVersions | None:
    """Return the dataset's versions as they stand until the transaction ends; None where there is no such dataset."""
    tx.run(_LOCK, tag=tag).consume()
    rows = tx.run(_DATASET, tag=tag).data()
    return _versions(rows[0]) if rows else None


def _change(
    tx: neo4j.ManagedTransaction, tag: str, change: Callable[[DatasetVersions], DatasetVersions]
) -> DatasetVersions:
    before = locked_versions(tx, tag)
    if before is None:
        raise LookupError(f"There is no dataset {tag!r} to change.")
    after = change(before)
    tx.run(
        _SET,
        tag=tag,
        current=after.current,
        building=after.building,
        kept=list(after.kept),
        retiring=list(after.retiring),
    ).consume()
    return after


def _versions(row: dict[str, Any]) -> DatasetVersions:
    return DatasetVersions(row["embedding_version"], row["building"], tuple(row["kept"]), tuple(row["retiring"]))
