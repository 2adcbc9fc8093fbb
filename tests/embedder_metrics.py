"""What the embedder says of itself: the one count of embedded texts that no part of the pipeline could get wrong."""

from __future__ import annotations

import re

import httpx

from docgraph.settings import Settings

_TEXTS = re.compile(r"^docgraph_embedder_texts_total\{[^}]*\} (\S+)$", re.MULTILINE)


def texts_computed(settings: Settings) -> int:
    """Return how many texts the embedder has computed since it started, questions included."""
    address = settings.embeddings_url.removesuffix("/v1") + "/metrics"
    metrics = httpx.get(address, trust_env=False, timeout=30).raise_for_status().text
    return sum(int(float(count)) for count in _TEXTS.findall(metrics))
