"""The graph store: all of docgraph's Cypher, in six classes (schema, datasets, commits, reading, links, auditing) over one connection."""

from __future__ import annotations

from docgraph.stores.graph.auditing import Auditing
from docgraph.stores.graph.commits import Commits
from docgraph.stores.graph.datasets import Datasets
from docgraph.stores.graph.links import Links
from docgraph.stores.graph.schema import Schema

__all__ = ["GraphStore"]


class GraphStore(Schema, Datasets, Commits, Auditing, Links):
    """Neo4j as docgraph uses it: the truth about which sections exist."""
