"""The stores: the graph (Neo4j), the vectors (Qdrant), artifacts, vectors under way and snapshots (files)."""
