"""What the embedder says of itself: the one count of embedded texts that no part of the pipeline could get wrong."""

from __future__ import annotations

import re

import httpx

from docgraph.settings import Settings

#: The lane of documents; questions have one of their own.
DOCUMENTS = "bulk"
_TEXTS = re.compile(r'^docgraph_embedder_texts_total\{lane="([^"]*)"\} (\S+)$', re.MULTILINE)


def texts_computed(settings: Settings, lane: str | None = None) -> int:
    """Return how many texts the embedder has computed since it started, in one lane or (with the questions) in all."""
    return texts_computed_at(settings.embeddings_url, lane)


def texts_computed_at(embeddings_url: str, lane: str | None = None) -> int:
    """Return the same of the embedder at an address."""
    metrics = (
        httpx.get(embeddings_url.removesuffix("/v1") + "/metrics", trust_env=False, timeout=30).raise_for_status().text
    )
    # A lane has no line before its first text.
    return sum(int(float(count)) for name, count in _TEXTS.findall(metrics) if lane in {None, name})
