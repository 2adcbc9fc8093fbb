"""Schema 1, as version 0.1.0 made it: constraints on ids, indexes for reading a dataset, and the full-text index."""

from __future__ import annotations

from docgraph.stores.graph.migrations.base import Migration

FULLTEXT_INDEX = "section_text"
CREATE_FULLTEXT = (
    f"CREATE FULLTEXT INDEX {FULLTEXT_INDEX} IF NOT EXISTS FOR (s:Section) "
    "ON EACH [s.tag_token, s.heading_text, s.text, s.identifiers] "
    "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-no-stop-words', `fulltext.eventually_consistent`: false}}"
)
MIGRATION = Migration(
    "make the constraints and indexes of the first release",
    (
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
    ),
)
