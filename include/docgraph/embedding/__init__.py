"""Vectors for texts: clients of OpenAI-compatible embedding servers, which of them to ask, and the naming of embedding versions.

Nothing here loads a model; that is the embedder's process (`ingestion_service.embedder`).
"""

from docgraph.embedding.client import EmbeddingClient, EmbeddingInputError
from docgraph.embedding.servers import Embedder, EmbeddingServers
from docgraph.embedding.versions import TEMPLATE, embedding_version

__all__ = ["TEMPLATE", "Embedder", "EmbeddingClient", "EmbeddingInputError", "EmbeddingServers", "embedding_version"]
