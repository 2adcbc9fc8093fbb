"""Which engine computes: the fastest whose vectors are the model's, or the one that is asked for.

Every engine of a plain BERT embeds a few texts of different lengths at start, and is held to what plain NumPy computes for
them (`reference`). Speed is counted in processor time, which other programs on the machine hardly change.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from docgraph.domain.errors import ConfigurationError
from embedding_server.encoder import Encoder, TokenIds
from embedding_server.folder import ModelFolder
from embedding_server.openvino_encoder import BertGraph, OpenVinoEncoder
from embedding_server.reference import reference_vectors

AUTO = "auto"
_TORCH = "torch"
#: What `DOCGRAPH_EMBED_ENGINE` may be.
ENGINES = (AUTO, _TORCH, "openvino-fp32", "openvino-bf16")
#: 1 - cosine to the reference that an engine's vectors may have. The largest of 900 sections of documentation was 3.6e-5 in
#: bf16 and below 1e-12 in fp32; `docgraph.integrity.recompute` derives from it what two stored vectors of a text may differ by.
MOST_DEVIATION = 1e-4
#: bf16 has to save this share of fp32's processor time.
_WORTH = 0.1
_TIMES = 3
#: Short and long, words and code, and more than one alphabet.
_PROBES = (
    "How is the port of the server set?",
    "Installation > Requirements\nNeo4j 5 or newer, Redis 7 and Qdrant 1.16; each of them may run on another machine.",
    "```bash\nexport AIRFLOW_HOME=/srv/airflow\nairflow db migrate && airflow pools list --output=json\n```",
    "Überschrift > Größe\nDie Warteschlange läßt sich beobachten; 日本語のテキスト。",
    "A reader never sees half a document, a crash never costs more than the batch in flight, and an unchanged document "
    "costs nothing. " * 6,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An engine as it was measured at start; None is what was not measured."""

    encoder: Encoder
    #: Tokens a second of processor time.
    tokens_per_second: float
    #: The largest 1 - cosine of a probe to the reference.
    deviation: float | None


def choose(model: str | None = None, pooling: str | None = None, engine: str = AUTO) -> Chosen:
    """Load the model folder `model` (default: the packaged all-MiniLM-L6-v2) into an engine of `ENGINES`.

    `pooling` (one of `POOLINGS`) replaces the model's own, which makes another embedding version of it.

    Raises:
        ConfigurationError: there is no model at `model`; it is no plain BERT, and another pooling or OpenVINO is asked for; no such
            engine; or the engine that is asked for can't be used, or gives other vectors than the model's.
    """
    if engine not in ENGINES:
        raise ConfigurationError(f"DOCGRAPH_EMBED_ENGINE={engine!r} is no engine; choose one of {', '.join(ENGINES)}.")
    # Hubs are never asked: the weights are a package or a folder.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    folder = ModelFolder(model)
    own = folder.bert_pooling()
    if own is None:
        return _other_model(folder, pooling, engine)
    bert = _Bert(folder, pooling or own)
    if engine != AUTO:
        return bert.asked_for(engine)
    return bert.fastest()


class _Bert:
    """The engines of one plain BERT, and the probes that all of them are held to."""

    def __init__(self, folder: ModelFolder, pooling: str) -> None:
        self._folder = folder
        self._pooling = pooling
        self._probes = folder.tokenizer()(_PROBES)
        self._reference = reference_vectors(folder, pooling, self._probes)

    def asked_for(self, engine: str) -> Chosen:
        try:
            encoder = self._torch() if engine == _TORCH else OpenVinoEncoder(self._graph(), engine.partition("-")[2])
        except (ImportError, RuntimeError) as error:
            raise ConfigurationError(
                f"DOCGRAPH_EMBED_ENGINE={engine} can't be used here: {error} Install docgraph[embedder], or leave it out: "
                "then the server chooses."
            ) from error
        chosen = self._measured(encoder)
        if not _is_close(chosen):
            raise ConfigurationError(
                f"The engine {engine} gives other vectors than those of {self._folder.name} on this processor (1 - cosine is "
                f"{chosen.deviation:.1e}, the limit {MOST_DEVIATION:.0e}). Leave DOCGRAPH_EMBED_ENGINE out: then the server chooses."
            )
        return chosen

    def fastest(self) -> Chosen:
        """Return the fastest engine that is close enough; torch only if there is no other, because it was slower everywhere."""
        best: Chosen | None = None
        try:
            graph = self._graph()
            for precision in ("fp32", "bf16") if graph.has_bf16() else ("fp32",):
                chosen = self._measured(OpenVinoEncoder(graph, precision))
                if not _is_close(chosen):
                    _log.warning("%s is not used: %s", chosen.encoder.name, _figures(chosen))
                elif best is None or chosen.tokens_per_second * (1 - _WORTH) > best.tokens_per_second:
                    best = chosen
        except (ImportError, RuntimeError) as error:
            _log.warning("OpenVINO can't be used here, so torch may have to do, which is slower: %s", error)
        return best or self.asked_for(_TORCH)

    def _graph(self) -> BertGraph:
        return BertGraph(self._folder, self._pooling)

    def _torch(self) -> Encoder:
        from embedding_server.torch_encoder import BertEncoder

        return BertEncoder(self._folder, self._pooling)

    def _measured(self, encoder: Encoder) -> Chosen:
        vectors = encoder.encode(self._probes)
        # In float64: in float32 the cosine of two equal vectors is off by 1e-7 already.
        cosines = (vectors.astype(np.float64) * self._reference.astype(np.float64)).sum(axis=1)
        deviation = float((1 - cosines).max())
        # Not a number is far from everything.
        deviation = deviation if math.isfinite(deviation) else math.inf
        chosen = Chosen(encoder, _speed(encoder, self._probes), deviation)
        _log.info("%s: %s", encoder.name, _figures(chosen))
        return chosen


def _other_model(folder: ModelFolder, pooling: str | None, engine: str) -> Chosen:
    if pooling is not None:
        raise ConfigurationError(
            f"The model in {folder.path} is no plain BERT: leave --pooling={pooling} out, it has its own."
        )
    if engine not in {AUTO, _TORCH}:
        raise ConfigurationError(
            f"The model in {folder.path} is no plain BERT, so {engine} can't compute it: leave DOCGRAPH_EMBED_ENGINE out."
        )
    from embedding_server.torch_encoder import SentenceTransformersEncoder

    encoder = SentenceTransformersEncoder(folder)
    return Chosen(encoder, _speed(encoder, encoder.tokenize(_PROBES)), None)


def _speed(encoder: Encoder, texts: Sequence[TokenIds]) -> float:
    """Return how many tokens `encoder` computes in a second of processor time: the best of some times."""
    seconds = math.inf
    for _ in range(_TIMES):
        started = time.process_time()
        encoder.encode(texts)
        seconds = min(seconds, time.process_time() - started)
    return sum(map(len, texts)) / max(seconds, 1e-9)


def _is_close(chosen: Chosen) -> bool:
    return chosen.deviation is None or chosen.deviation <= MOST_DEVIATION


def _figures(chosen: Chosen) -> str:
    deviation = "not compared" if chosen.deviation is None else f"1 - cosine up to {chosen.deviation:.1e}"
    return f"{chosen.tokens_per_second:,.0f} tokens a second of processor time, {deviation}"
