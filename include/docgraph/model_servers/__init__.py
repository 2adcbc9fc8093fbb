"""Vectors for texts: clients of OpenAI-compatible embedding servers, which of them to ask, and the naming of embedding versions.

Nothing here loads a model; that is the embedder's process (`embedding_server`).
"""

from docgraph.model_servers.client import EmbeddingClient, EmbeddingInputError
from docgraph.model_servers.servers import Embedder, EmbeddingServers
from docgraph.model_servers.versions import TEMPLATE, embedding_version

__all__ = ["TEMPLATE", "Embedder", "EmbeddingClient", "EmbeddingInputError", "EmbeddingServers", "embedding_version"]
