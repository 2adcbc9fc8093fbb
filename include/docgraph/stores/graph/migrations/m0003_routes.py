"""Schema 3: every address has its route, and documents are found by theirs, so that links as sites write them find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docgraph.domain.site_routes import name_of, route_of
from docgraph.stores.graph.migrations.base import Computed, Migration


def _routed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "route": route_of(row["source_uri"]), "page_name": name_of(row["source_uri"])}


MIGRATION = Migration(
    "give every address its route, by which links are resolved",
    (
        "CREATE INDEX document_route IF NOT EXISTS FOR (d:Document) ON (d.tag, d.route)",
        "CREATE INDEX document_page_name IF NOT EXISTS FOR (d:Document) ON (d.tag, d.page_name)",
    ),
    (
        Computed(
            "MATCH (s:Source) WHERE s.route IS NULL AND s.source_uri IS NOT NULL "
            "RETURN s.id AS id, s.source_uri AS source_uri LIMIT $limit",
            _routed,
            "UNWIND $rows AS row MATCH (s:Source {id: row.id}) SET s.route = row.route, s.page_name = row.page_name",
        ),
    ),
)
