"""The graph's schema: which one a database has, and the steps that bring an older one up; a newer one is refused."""

from __future__ import annotations

import logging

from docgraph.domain.errors import ConfigurationError, InfrastructureError
from docgraph.stores.graph.base import Base
from docgraph.stores.graph.migrations import MIGRATIONS
from docgraph.stores.graph.migrations.m0001_first_release import CREATE_FULLTEXT, FULLTEXT_INDEX

__all__ = ["CREATE_FULLTEXT", "FULLTEXT_INDEX", "SCHEMA_VERSION", "Schema", "tag_token"]

SCHEMA_VERSION = len(MIGRATIONS)
#: Seconds that a step may take to build its indexes before it is tried again.
_INDEX_SECONDS = 120
#: Nodes whose properties are computed between two statements.
_ROWS_AT_ONCE = 2000
_AWAIT_INDEXES = f"CALL db.awaitIndexes({_INDEX_SECONDS})"
_SCHEMA = "OPTIONAL MATCH (m:Meta {name: 'docgraph'}) RETURN m.schema AS schema"
# Two processes may take the same steps, one ahead of the other: the number never falls.
_REACHED = (
    "MERGE (m:Meta {name: 'docgraph'}) "
    "SET m.schema = CASE WHEN coalesce(m.schema, 0) < $schema THEN $schema ELSE m.schema END"
)

_MADE_MEANWHILE = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"

logger = logging.getLogger(__name__)


def tag_token(tag: str) -> str:
    """Return the tag as one lower-case alphanumeric token, so that Lucene can restrict to it exactly."""
    return "t" + tag.encode().hex()


class Schema(Base):
    """Brings the database to the schema this code needs, and refuses one that is newer."""

    def schema(self) -> int:
        """Return the number of the database's schema; 0 where docgraph has never written to it."""
        rows = self._read(_SCHEMA)
        return int(rows[0]["schema"] or 0) if rows else 0

    def ensure_schema(self) -> None:
        """Take the steps from the database's schema to this code's; safe to run from several processes at once.

        Raises:
            ConfigurationError: the database was written by a newer docgraph.
            InfrastructureError: an index was not built in two minutes; the server goes on, and the next call finds how far it is.
        """
        found = self.schema()
        if found > SCHEMA_VERSION:
            raise ConfigurationError(
                f"The graph at {self._uri} has schema {found}, and this docgraph knows schemas up to {SCHEMA_VERSION}: a newer "
                "docgraph has written to it. Install that version, or name another database in DOCGRAPH_NEO4J_URI."
            )
        for number, migration in enumerate(MIGRATIONS[found:], start=found + 1):
            logger.info("graph schema %d: %s", number, migration.what)
            for statement in migration.statements:
                self._take(statement)
            for computed in migration.computed:
                while rows := self._read(computed.read, limit=_ROWS_AT_ONCE):
                    self._write(computed.write, rows=[computed.make(row) for row in rows])
            self._write(_AWAIT_INDEXES)
            self._write(_REACHED, schema=number)

    def _take(self, statement: str) -> None:
        """Run one statement of a step; that another process has just done the same is as good."""
        try:
            self._write(statement)
        except InfrastructureError as error:
            # `IF NOT EXISTS` looks before it locks: two that look at the same moment both find nothing.
            if getattr(error.__cause__, "code", "") != _MADE_MEANWHILE:
                raise
            logger.info("another process has just done it: %s", statement)

    def rebuild_fulltext(self) -> None:
        """Drop the full-text index and build it again from the Section nodes; until it is online, searches by word fail.

        Raises:
            InfrastructureError: it was not online after two minutes; the server goes on building it.
        """
        self._write(f"DROP INDEX {FULLTEXT_INDEX} IF EXISTS")
        self._write(CREATE_FULLTEXT)
        self._write(_AWAIT_INDEXES)
