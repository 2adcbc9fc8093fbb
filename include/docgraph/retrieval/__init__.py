"""Retrieval: answers to questions, from what the graph says exists, with reasons and a calibrated confidence."""

from __future__ import annotations

from docgraph.retrieval.answer import Answer, Evidence, Related
from docgraph.retrieval.errors import QueryError, UnknownDatasetError
from docgraph.retrieval.search import search

__all__ = ["Answer", "Evidence", "QueryError", "Related", "UnknownDatasetError", "search"]
