"""A plain BERT on OpenVINO, in fp32 or bf16.

The graph is written down here and filled with the folder's weights: so neither torch nor a converter is imported, nothing
converted is kept on disk that could go stale, and the process is warm sooner than torch alone is imported.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedding_server.encoder import EngineName, TokenIds, Vectors, in_passes, normalised, threads
from embedding_server.folder import ModelFolder

if TYPE_CHECKING:
    import openvino

_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}
#: What padding gets before softmax: far below every score, and finite in bf16 too.
_MASKED = -3e4
#: As many passes at once as the batcher has lanes, so that a query never waits for a bulk pass.
_AT_ONCE = 2


class BertGraph:
    """The graph of a model's folder, from which encoders of either precision are compiled."""

    def __init__(self, folder: ModelFolder, pooling: str) -> None:
        """Build the graph of the plain BERT in `folder` with this pooling."""
        import openvino

        self.core = openvino.Core()
        self.pooling = pooling
        self.model = _graph(folder, pooling)
        self.tokenizer = folder.tokenizer()
        self.description = folder.bert_description(pooling)

    def has_bf16(self) -> bool:
        """Say whether this processor computes in bf16."""
        return "BF16" in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEncoder:
    """A compiled graph; see `Encoder`."""

    def __init__(self, graph: BertGraph, precision: str) -> None:
        """Compile `graph` for `precision` (`fp32` or `bf16`)."""
        self.description = graph.description
        self.name = EngineName("openvino", precision)
        self._tokenizer = graph.tokenizer
        # One stream each that uses all cores; not pinned, because the cores are shared with the stores and the other lane.
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self._free: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
        for _ in range(_AT_ONCE):
            self._free.put(graph.core.compile_model(graph.model, "CPU", settings).create_infer_request())

    def tokenize(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return each text's ids, special tokens included, not truncated."""
        return self._tokenizer(texts)

    def encode(self, batch: Sequence[TokenIds]) -> Vectors:
        """Return the vectors of one batch: float32, shape `(len(batch), dimensions)`, length 1 each."""
        request = self._free.get()
        try:
            return in_passes(batch, lambda texts: _infer(request, texts))
        finally:
            self._free.put(request)


def _infer(request: openvino.InferRequest, batch: Sequence[TokenIds]) -> Vectors:
    lengths = np.array([len(ids) for ids in batch], dtype=np.int32)
    ids = np.zeros((len(batch), int(lengths.max())), dtype=np.int32)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = tokens
    pooled: NDArray[np.float32] = request.infer([ids, lengths])[0]
    return normalised(pooled)


def _graph(folder: ModelFolder, pooling: str) -> openvino.Model:
    """Write down BERT: `ids` (texts, tokens; padded with 0) and their `lengths` to the pooled vectors, not yet normalised."""
    import openvino
    from openvino import opset14 as op

    shape = folder.shape()
    weights = folder.weights()

    def constant(values: NDArray[Any]) -> Any:
        return op.constant(values, shared_memory=True)

    def integers(*values: int) -> Any:
        return op.constant(np.array(values, dtype=np.int64))

    def norm(x: Any, name: str) -> Any:
        standard = op.mvn(x, integers(-1), True, shape.epsilon, "inside_sqrt")
        return op.add(op.multiply(standard, constant(weights[f"{name}.weight"])), constant(weights[f"{name}.bias"]))

    def linear(x: Any, name: str) -> Any:
        return op.add(op.matmul(x, constant(weights[f"{name}.weight"]), False, True), constant(weights[f"{name}.bias"]))

    def heads(x: Any) -> Any:
        parted = op.reshape(x, integers(0, 0, shape.heads, shape.hidden // shape.heads), True)
        return op.transpose(parted, integers(0, 2, 1, 3))

    ids = op.parameter([-1, -1], np.int32, name="ids")
    lengths = op.parameter([-1], np.int32, name="lengths")
    zero = op.constant(np.int64(0))
    longest = op.squeeze(op.gather(op.shape_of(ids), integers(1), zero), integers(0))
    places = op.range(zero, longest, op.constant(np.int64(1)), "i64")
    kept = op.convert(
        op.less(op.unsqueeze(op.convert(places, "i32"), integers(0)), op.unsqueeze(lengths, integers(1))), "f32"
    )
    padding = op.subtract(op.constant(np.float32(1)), op.unsqueeze(kept, integers(1, 2)))
    mask = op.multiply(padding, op.constant(np.float32(_MASKED)))

    # Single texts have one segment, so its embedding is a constant that is added to every position.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    words = op.gather(constant(weights["embeddings.word_embeddings.weight"]), ids, zero)
    x = norm(op.add(words, op.gather(constant(positions), places, zero)), "embeddings.LayerNorm")
    for number in range(shape.layers):
        layer = f"encoder.layer.{number}"
        query, key, value = (heads(linear(x, f"{layer}.attention.self.{name}")) for name in ("query", "key", "value"))
        seen = op.transpose(op.scaled_dot_product_attention(query, key, value, mask), integers(0, 2, 1, 3))
        seen = op.reshape(seen, integers(0, 0, shape.hidden), True)
        x = norm(op.add(linear(seen, f"{layer}.attention.output.dense"), x), f"{layer}.attention.output.LayerNorm")
        inner = op.gelu(linear(x, f"{layer}.intermediate.dense"), "erf")
        x = norm(op.add(linear(inner, f"{layer}.output.dense"), x), f"{layer}.output.LayerNorm")
    if pooling == "cls":
        pooled = op.gather(x, zero, op.constant(np.int64(1)))
    else:
        # The sum has the mean's direction, and only that is kept.
        pooled = op.reduce_sum(op.multiply(x, op.unsqueeze(kept, integers(2))), integers(1))
    return openvino.Model([op.result(pooled)], [ids, lengths], folder.name)
