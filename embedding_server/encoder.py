"""What every engine is: a loaded model that turns texts into token ids, and token ids into vectors of length 1.

Nothing here truncates: the caller compares `len(ids)` with `max_tokens`. An engine's precision is no part of the embedding
version: each engine is held to `engines.MOST_DEVIATION`, and what compares vectors allows for it (`docgraph.integrity.recompute`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedding_server.folder import ModelDescription

TokenIds = list[int]
Vectors = NDArray[np.float32]

#: Tokens that one pass through the model computes, padding included: enough to keep the cores busy, few enough for their caches.
TOKENS_PER_PASS = 1024
#: Padding above this share of a pass is cut off by another pass.
_MOST_PADDING = 0.2


@dataclass(frozen=True, slots=True)
class EngineName:
    """What computes, and in which numbers."""

    engine: str
    precision: str

    def __str__(self) -> str:
        """Name it as `DOCGRAPH_EMBED_ENGINE` does."""
        return self.engine if self.engine == "torch" else f"{self.engine}-{self.precision}"


class Encoder(Protocol):
    """A loaded model; any thread may call it."""

    description: ModelDescription
    name: EngineName

    def tokenize(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return each text's ids, special tokens included, not truncated."""

    def encode(self, batch: Sequence[TokenIds]) -> Vectors:
        """Return the vectors of one batch: float32, shape `(len(batch), dimensions)`, length 1 each."""


def threads() -> int:
    """Return how many threads an engine computes with: the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def passes(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Cut texts of these lengths into passes, as positions: sorted by length, of `TOKENS_PER_PASS` with little padding."""
    current: list[int] = []
    tokens = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = lengths[position]
        padded = (len(current) + 1) * longest
        if current and (padded > TOKENS_PER_PASS or padded - tokens - longest > _MOST_PADDING * padded):
            yield current
            current, tokens = [], 0
        current.append(position)
        tokens += longest
    if current:
        yield current


def in_passes(batch: Sequence[TokenIds], compute: Callable[[Sequence[TokenIds]], Vectors]) -> Vectors:
    """Return the vectors of `batch` in its order, computed pass by pass."""
    cuts = list(passes([len(ids) for ids in batch]))
    parts = [compute([batch[i] for i in positions]) for positions in cuts]
    vectors = np.empty((len(batch), parts[0].shape[1]), dtype=np.float32)
    for positions, part in zip(cuts, parts, strict=True):
        vectors[positions] = part
    return vectors


def normalised(vectors: NDArray[np.floating]) -> Vectors:
    """Return each vector at length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
