"""Constraints, indexes and the schema version of the graph; numbered migrations bring an older one up."""

from __future__ import annotations

from docgraph.domain.errors import ConfigurationError
from docgraph.stores.graph.base import Base

SCHEMA_VERSION = 1
FULLTEXT_INDEX = "section_text"

CREATE_FULLTEXT = (
    f"CREATE FULLTEXT INDEX {FULLTEXT_INDEX} IF NOT EXISTS FOR (s:Section) "
    "ON EACH [s.tag_token, s.heading_text, s.text, s.identifiers] "
    "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-no-stop-words', `fulltext.eventually_consistent`: false}}"
)
#: Statements that make an empty database one of version 1. Each is safe to repeat.
STATEMENTS = (
    "CREATE CONSTRAINT meta_name IF NOT EXISTS FOR (m:Meta) REQUIRE m.name IS UNIQUE",
    "CREATE CONSTRAINT dataset_tag IF NOT EXISTS FOR (d:Dataset) REQUIRE d.tag IS UNIQUE",
    "CREATE CONSTRAINT source_id IF NOT EXISTS FOR (s:Source) REQUIRE s.id IS UNIQUE",
    "CREATE CONSTRAINT section_id IF NOT EXISTS FOR (s:Section) REQUIRE s.id IS UNIQUE",
    "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE",
    "CREATE INDEX document_tag IF NOT EXISTS FOR (d:Document) ON (d.tag)",
    "CREATE INDEX source_tag IF NOT EXISTS FOR (s:Source) ON (s.tag)",
    "CREATE INDEX section_tag IF NOT EXISTS FOR (s:Section) ON (s.tag)",
    "CREATE INDEX section_document IF NOT EXISTS FOR (s:Section) ON (s.document_id)",
    "CREATE INDEX entity_name IF NOT EXISTS FOR (e:Entity) ON (e.tag, e.kind, e.name)",
    "CREATE INDEX entity_relation IF NOT EXISTS FOR ()-[r:RELATES]-() ON (r.section_id)",
    "CREATE INDEX link_section IF NOT EXISTS FOR ()-[r:LINKS_TO]-() ON (r.section_id)",
    CREATE_FULLTEXT,
)


def tag_token(tag: str) -> str:
    """Return the tag as one lower-case alphanumeric token, so that Lucene can restrict to it exactly."""
    return "t" + tag.encode().hex()


class Schema(Base):
    """Brings the database to the schema this code needs, and refuses one that is newer."""

    def ensure_schema(self) -> None:
        """Create constraints, indexes and the version node; safe to run from several processes at once.

        Raises:
            ConfigurationError: the database was written by a newer docgraph.
        """
        rows = self._read("OPTIONAL MATCH (m:Meta {name: 'docgraph'}) RETURN m.schema AS schema")
        found = rows[0]["schema"] if rows else None
        if found is not None and found > SCHEMA_VERSION:
            raise ConfigurationError(
                f"The graph has schema {found}, this docgraph knows {SCHEMA_VERSION}; install the newer docgraph."
            )
        if found == SCHEMA_VERSION:
            return
        for statement in STATEMENTS:
            self._write(statement)
        self._write("CALL db.awaitIndexes(120)")
        self._write("MERGE (m:Meta {name: 'docgraph'}) SET m.schema = $schema", schema=SCHEMA_VERSION)

    def rebuild_fulltext(self) -> None:
        """Drop the full-text index and build it again from the Section nodes; until it is online, searches by word fail.

        Raises:
            WorldError: it was not online after two minutes; the server goes on building it.
        """
        self._write(f"DROP INDEX {FULLTEXT_INDEX} IF EXISTS")
        self._write(CREATE_FULLTEXT)
        self._write("CALL db.awaitIndexes(120)")
