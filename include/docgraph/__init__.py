"""docgraph: documentation into a knowledge graph and a vector index that are provably in step."""

__version__ = "0.1.0"
