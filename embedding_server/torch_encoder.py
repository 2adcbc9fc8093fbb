"""A model on torch, in fp32: a plain BERT on torch's own `TransformerEncoder`, any other one by sentence-transformers.

Both give the same numbers (a contract test compares them); importing sentence-transformers takes 11 to 19 s, torch alone 2.5 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from embedding_server.encoder import EngineName, TokenIds, Vectors, in_passes, threads
from embedding_server.folder import BertShape, ModelDescription, ModelFolder

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

_NAME = EngineName("torch", "fp32")


def _prepare_torch() -> None:
    import torch

    torch.set_num_threads(threads())
    torch.set_grad_enabled(False)


class BertEncoder:
    """BERT (Devlin et al. 2019, arXiv:1810.04805) with mean or CLS pooling, on `torch.nn.TransformerEncoder`."""

    def __init__(self, folder: ModelFolder, pooling: str) -> None:
        """Load tokenizer and weights of the plain BERT in `folder`; `pooling` is one of `POOLINGS`."""
        from safetensors.torch import load_file

        _prepare_torch()
        self.name = _NAME
        self.description = folder.bert_description(pooling)
        self._tokenizer = folder.tokenizer()
        weights = {key.removeprefix("bert."): value.float() for key, value in load_file(folder.safetensors).items()}
        self._words = weights["embeddings.word_embeddings.weight"]
        # Single texts have one segment, so its embedding is a constant that is added to every position.
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm, self._layers = _transformer(folder.shape(), weights)

    def tokenize(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return each text's ids, special tokens included, not truncated."""
        return self._tokenizer(texts)

    def encode(self, batch: Sequence[TokenIds]) -> Vectors:
        """Return the vectors of one batch: float32, shape `(len(batch), dimensions)`, length 1 each."""
        return in_passes(batch, self._compute)

    def _compute(self, batch: Sequence[TokenIds]) -> Vectors:
        import torch
        from torch.nn import functional

        longest = max(len(ids) for ids in batch)
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        padding = torch.ones((len(batch), longest), dtype=torch.bool)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            padding[row, : len(tokens)] = False
        with torch.inference_mode():
            hidden = self._norm(functional.embedding(ids, self._words) + self._positions[:longest])
            hidden = self._layers(hidden, src_key_padding_mask=padding)
            vectors: Vectors = functional.normalize(self._pooled(hidden, padding)).numpy()
        return vectors

    def _pooled(self, hidden: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        if self.description.pooling == "cls":
            return hidden[:, 0]
        kept = (~padding).unsqueeze(-1).float()
        return (hidden * kept).sum(dim=1) / kept.sum(dim=1)


class SentenceTransformersEncoder:
    """Any model that sentence-transformers can load."""

    def __init__(self, folder: ModelFolder) -> None:
        """Load the model in `folder`."""
        from sentence_transformers import SentenceTransformer

        _prepare_torch()
        self.name = _NAME
        self._model: SentenceTransformer = SentenceTransformer(
            str(folder.path), device="cpu", local_files_only=True
        ).float()
        poolings = [str(module.pooling_mode) for module in self._model.children() if hasattr(module, "pooling_mode")]
        self.description = ModelDescription(
            model=folder.name,
            revision=folder.revision(),
            dimensions=int(self._model.encode(["dimensions"]).shape[1]),
            max_tokens=int(self._model.max_seq_length or 0),
            pooling="+".join(poolings) or "model",
            normalisation="l2",
        )

    def tokenize(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return each text's ids, special tokens included, not truncated."""
        encoded = self._model.tokenizer(list(texts), truncation=False, padding=False, verbose=False)
        return [list(ids) for ids in encoded["input_ids"]]

    def encode(self, batch: Sequence[TokenIds]) -> Vectors:
        """Return the vectors of one batch: float32, shape `(len(batch), dimensions)`, length 1 each."""
        return in_passes(batch, self._compute)

    def _compute(self, batch: Sequence[TokenIds]) -> Vectors:
        import torch
        from torch.nn import functional

        features = self._model.tokenizer.pad({"input_ids": [list(ids) for ids in batch]}, return_tensors="pt")
        with torch.inference_mode():
            embedded = self._model(dict(features))["sentence_embedding"]
            vectors: Vectors = functional.normalize(embedded.float()).numpy()
        return vectors


def _transformer(
    shape: BertShape, weights: Mapping[str, torch.Tensor]
) -> tuple[torch.nn.LayerNorm, torch.nn.TransformerEncoder]:
    """Build the layer norm over the embeddings and the layers, and fill both with BERT's weights under torch's names."""
    import torch
    from torch import nn

    layer = nn.TransformerEncoderLayer(
        d_model=shape.hidden,
        nhead=shape.heads,
        dim_feedforward=shape.intermediate,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=shape.epsilon,
        batch_first=True,
    )
    # Nested tensors would save the work on padding, of which batches sorted by length have little; they were slower here.
    layers = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    state: dict[str, torch.Tensor] = {}
    for number in range(shape.layers):
        source, target = f"encoder.layer.{number}.", f"layers.{number}."
        for part in ("weight", "bias"):
            projections = [weights[f"{source}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            state[f"{target}self_attn.in_proj_{part}"] = torch.cat(projections)
            for ours, theirs in names.items():
                state[f"{target}{ours}.{part}"] = weights[f"{source}{theirs}.{part}"]
    layers.load_state_dict(state)
    norm = nn.LayerNorm(shape.hidden, shape.epsilon)
    norm.load_state_dict({part: weights[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")})
    return norm.float().eval(), layers.float().eval()
