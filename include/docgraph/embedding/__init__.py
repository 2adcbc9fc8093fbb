"""Vectors for texts: the client of an OpenAI-compatible embedding server and the naming of embedding versions.

Nothing here loads a model; that is the embedder's process (`ingestion_service.embedder`).
"""

from docgraph.embedding.client import EmbeddingClient, EmbeddingInputError
from docgraph.embedding.versions import TEMPLATE, embedding_version

__all__ = ["TEMPLATE", "EmbeddingClient", "EmbeddingInputError", "embedding_version"]
