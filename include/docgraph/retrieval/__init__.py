"""Retrieval: answers to questions, from what the graph says exists, with reasons and a calibrated confidence."""

from __future__ import annotations

from docgraph.retrieval.answer import Answer, Evidence, Related
from docgraph.retrieval.errors import EmbeddingMismatchError, QueryError, UnknownDatasetError
from docgraph.retrieval.search import search

__all__ = ["Answer", "EmbeddingMismatchError", "Evidence", "QueryError", "Related", "UnknownDatasetError", "search"]
