"""A plain BERT in NumPy, a text at a time: what every faster engine is held to. Slow, and plain enough to be read against the paper.

Devlin et al. 2019 (arXiv:1810.04805); attention is Vaswani et al. 2017 (arXiv:1706.03762), equation 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from embedding_server.encoder import TokenIds, Vectors, normalised
from embedding_server.folder import BertShape, ModelFolder

Matrix = NDArray[np.float32]


def reference_vectors(folder: ModelFolder, pooling: str, texts: Sequence[TokenIds]) -> Vectors:
    """Return the vectors of `texts` in fp32: shape `(len(texts), dimensions)`, length 1 each."""
    weights = folder.weights()
    shape = folder.shape()
    hidden = (_hidden(weights, shape, np.array(ids)) for ids in texts)
    return normalised(np.stack([h[0] if pooling == "cls" else h.mean(axis=0) for h in hidden]))


def _hidden(weights: Mapping[str, Matrix], shape: BertShape, ids: NDArray[np.int64]) -> Matrix:
    """Return the last layer's vectors of one text's tokens: shape `(tokens, hidden)`."""

    def linear(x: Matrix, name: str) -> Matrix:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Matrix, name: str) -> Matrix:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        standard: Matrix = centred / np.sqrt(variance + np.float32(shape.epsilon))
        return standard * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x: Matrix) -> Matrix:
        return x.reshape(len(x), shape.heads, -1).transpose(1, 0, 2)

    x = norm(
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][0],
        "embeddings.LayerNorm",
    )
    for number in range(shape.layers):
        layer = f"encoder.layer.{number}"
        query, key, value = (heads(linear(x, f"{layer}.attention.self.{name}")) for name in ("query", "key", "value"))
        scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(shape.hidden / shape.heads))
        chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
        chances /= chances.sum(axis=-1, keepdims=True)
        seen = (chances @ value).transpose(1, 0, 2).reshape(len(x), shape.hidden)
        x = norm(x + linear(seen, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        inner = _gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x


def _gelu(x: Matrix) -> Matrix:
    """Return `x * Phi(x)`; Phi by formula 7.1.26 of Abramowitz and Stegun (1964), whose error is below 1.5e-7."""
    z = np.abs(x) / np.float32(math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429))))
    )
    activated: Matrix = (x * (0.5 * (1 + np.sign(x) * (1 - series * np.exp(-z * z))))).astype(np.float32, copy=False)
    return activated
