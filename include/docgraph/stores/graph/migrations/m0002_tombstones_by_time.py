"""Schema 2: tombstones are found by the time of their last commit, so that retention need not read all of them."""

from __future__ import annotations

from docgraph.stores.graph.migrations.base import Migration

MIGRATION = Migration(
    "index tombstones by the time of their last commit",
    ("CREATE INDEX tombstone_committed IF NOT EXISTS FOR (t:Tombstone) ON (t.committed_at)",),
)
