"""The embedder's HTTP: the part of OpenAI's embeddings API that clients use, health and metrics.

Texts are never cut: one above the model's tokens is refused with its index. Vectors leave as float32 of length 1.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray
from pydantic import BaseModel

from docgraph import __version__
from docgraph.model_servers.versions import TEMPLATE, embedding_version
from docgraph.runtime.web import ApiError, BodyLimit, install_error_handlers, metrics_response, require_bearer
from embedding_server.batcher import Batcher, BatcherClosedError, QueueFullError
from embedding_server.engines import Chosen
from embedding_server.folder import ModelDescription
from embedding_server.metrics import EmbedderMetrics

MAX_TEXTS = 2048
MAX_BODY_BYTES = 16 * 2**20

_log = logging.getLogger(__name__)


class EmbeddingsRequest(BaseModel):
    """The body of `POST /v1/embeddings`; `model` is accepted and must be ours, `user` is ignored."""

    input: str | list[str]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


@dataclass(slots=True)
class _Model:
    """The warm model and the batcher in front of it."""

    chosen: Chosen
    batcher: Batcher
    started_at: int

    @property
    def description(self) -> ModelDescription:
        return self.chosen.encoder.description

    @property
    def engine(self) -> dict[str, Any]:
        """What computes, as it was measured at start."""
        name = self.chosen.encoder.name
        return {
            "name": name.engine,
            "precision": name.precision,
            "tokens_per_cpu_second": round(self.chosen.tokens_per_second),
            "deviation": self.chosen.deviation,
        }

    @property
    def version(self) -> str:
        """The name of the embedding version of its vectors."""
        return embedding_version(**asdict(self.description), template=TEMPLATE).name

    def entry(self) -> dict[str, Any]:
        """Return what `/v1/models` says about the model."""
        description = self.description
        return {
            "id": description.model,
            "object": "model",
            "created": self.started_at,
            "owned_by": "docgraph",
            "docgraph": {"version": self.version, **asdict(description), "template": TEMPLATE, "engine": self.engine},
        }


def create_app(
    load: Callable[[], Chosen],
    *,
    api_key: str | None = None,
    max_wait: float = 0.004,
    on_failure: Callable[[], None] | None = None,
) -> FastAPI:
    """Return the application; `load` runs in a thread once the server accepts connections, so that health can say so.

    `on_failure` is called when `load` raised: a process without a model has nothing to serve.
    """
    metrics = EmbedderMetrics()
    holder: list[_Model] = []

    def warm_up() -> None:
        started = time.perf_counter()
        try:
            # The measurement at start was the first pass, too, which allocates and chooses kernels: no caller pays for it.
            chosen = load()
        except Exception:  # noqa: BLE001 - every reason ends the process, and the log has it
            _log.exception("The model can't be loaded; the process ends.")
            if on_failure:
                on_failure()
            return
        batcher = Batcher(chosen.encoder.encode, max_wait=max_wait, observer=metrics)
        for lane in batcher.lanes:
            metrics.watch(lane)
        model = _Model(chosen, batcher, int(time.time()))
        description = model.description
        metrics.model.labels(description.model, description.revision, model.version).set(1)
        seconds = time.perf_counter() - started
        metrics.load_seconds.set(seconds)
        metrics.chose(chosen)
        metrics.ready.set(1)
        holder.append(model)
        _log.info("%s is warm on %s after %.1f s.", description.model, chosen.encoder.name, seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=warm_up, name="embedder-load", daemon=True).start()
        yield
        for model in holder:
            await run_in_threadpool(model.batcher.close)

    def model() -> _Model:
        if not holder:
            raise ApiError(503, "loading", "The model is still loading.", "Ask again in some seconds.")
        return holder[0]

    app = FastAPI(title="docgraph embedder", version=__version__, lifespan=lifespan)
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES)
    install_error_handlers(app)
    guarded = [Depends(require_bearer(api_key, "DOCGRAPH_EMBEDDINGS_API_KEY"))] if api_key else []

    @app.get("/health")
    async def health() -> Response:
        if not holder:
            return JSONResponse({"status": "loading", "version": __version__}, status_code=503)
        named = {"model": holder[0].description.model, "engine": holder[0].engine}
        return JSONResponse({"status": "ok", "version": __version__, **named})

    @app.get("/metrics")
    def read_metrics() -> Response:
        return metrics_response(metrics.registry)

    @app.get("/v1/models", dependencies=guarded)
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [model().entry()]}

    @app.get("/v1/models/{name}", dependencies=guarded)
    async def one_model(name: str) -> dict[str, Any]:
        _check_model(name, model().description)
        return model().entry()

    @app.post("/v1/embeddings", dependencies=guarded)
    async def embeddings(body: EmbeddingsRequest, request: Request) -> Response:
        started = time.perf_counter()
        try:
            answer = await _embed(model(), body)
        except ApiError as error:
            metrics.refused.labels(error.code).inc()
            raise
        metrics.request_seconds.observe(time.perf_counter() - started)
        return answer

    return app


async def _embed(model: _Model, body: EmbeddingsRequest) -> Response:
    description = model.description
    _check_model(body.model, description)
    if body.dimensions not in {None, description.dimensions}:
        raise ApiError(
            400,
            "unsupported_dimensions",
            f"{description.model} has {description.dimensions} dimensions, not {body.dimensions}.",
            "Leave `dimensions` out.",
        )
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not texts or len(texts) > MAX_TEXTS:
        raise ApiError(
            400,
            "input_count",
            f"`input` has {len(texts)} texts; 1 to {MAX_TEXTS} are accepted.",
            "Send several requests.",
        )
    tokens = await run_in_threadpool(model.chosen.encoder.tokenize, texts)
    _check_lengths(texts, [len(ids) for ids in tokens], description)
    try:
        vectors = await asyncio.wrap_future(model.batcher.submit(tokens))
    except QueueFullError as error:
        raise ApiError(429, "busy", str(error), "Ask again in some seconds.") from error
    except BatcherClosedError as error:
        raise ApiError(503, "closing", str(error), "Ask again in some seconds.") from error
    count = sum(map(len, tokens))
    content = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, body.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "model": description.model,
        "usage": {"prompt_tokens": count, "total_tokens": count},
        # A client that expects another version, because the server was started again meanwhile, must not store these.
        "docgraph": {"version": model.version},
    }
    return JSONResponse(content)


def _check_model(name: str | None, description: ModelDescription) -> None:
    # Clients of OpenAI's API name a model because they have to; a wrong name must not give vectors of another space.
    if name is not None and name.rpartition("/")[2] != description.model:
        raise ApiError(
            404, "model_not_found", f"The model {name!r} is not loaded; {description.model!r} is.", "Ask for that one."
        )


def _check_lengths(texts: Sequence[str], lengths: Sequence[int], description: ModelDescription) -> None:
    for index, (text, tokens) in enumerate(zip(texts, lengths, strict=True)):
        if not text.strip():
            raise ApiError(400, "empty_text", f"Text {index} is empty.", "Leave it out.", index=index)
        if description.max_tokens and tokens > description.max_tokens:
            raise ApiError(
                400,
                "would_truncate",
                f"Text {index} has {tokens} tokens; {description.model} reads {description.max_tokens}.",
                "Split the text; it is never cut silently.",
                index=index,
                tokens=tokens,
                max_tokens=description.max_tokens,
                type="invalid_request_error",
                param="input",
            )


def _encoded(vector: NDArray[np.float32], encoding: str) -> str | list[float]:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    numbers: list[float] = vector.tolist()
    return numbers
