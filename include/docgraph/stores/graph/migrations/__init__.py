"""The numbered steps that bring a graph from one schema to the next, from that of version 0.1.0 on.

A step is never changed once it was released: what a later version wants is another step. Each statement and computation may be
repeated, because several processes may take the same step at once, and one may die in the middle of it.
"""

from __future__ import annotations

from docgraph.stores.graph.migrations import m0001_first_release, m0002_tombstones_by_time, m0003_routes
from docgraph.stores.graph.migrations.base import Migration

__all__ = ["MIGRATIONS", "Migration"]

#: In their order; the place of a step is the number of the schema that it leaves.
MIGRATIONS: tuple[Migration, ...] = (
    m0001_first_release.MIGRATION,
    m0002_tombstones_by_time.MIGRATION,
    m0003_routes.MIGRATION,
)
