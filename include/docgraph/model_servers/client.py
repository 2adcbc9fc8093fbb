"""Client of an OpenAI-compatible embedding server: our embedder, or any other that speaks `/v1/embeddings`.

It splits what is too much for one request, waits out a restart of the server for some seconds, and normalises each vector
once, in float32, so that the vector that is hashed is the vector that is stored. It caches no vectors and truncates nothing.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import ConfigurationError, DocumentError, EmbeddingVersionError, StoreUnavailableError
from docgraph.domain.retries import RetryPolicy
from docgraph.domain.waits import EMBEDDER, waiting_for
from docgraph.model_servers.versions import TEMPLATE, embedding_version

Vectors = NDArray[np.float32]

_PROBE = "dimensions"
_RETRIED_STATUS = frozenset({429, 502, 503, 504})
#: A server that restarts is back within seconds; how long it is waited for is the client's own.
_RETRIES = RetryPolicy(first_pause=0.1, longest_pause=1.0, patience=0.0)
#: Seconds for which a server that refuses is asked again by a caller who has no more than some seconds himself.
_HASTY_PATIENCE = 1.0


class EmbeddingInputError(DocumentError):
    """A text is longer than the embedding model reads; it would be cut silently, so it is not embedded."""

    code = "would_truncate"

    def __init__(self, message: str | None = None, *, index: int = 0, tokens: int = 0) -> None:
        """Keep which text of the call it was (`index`) and how many tokens it has."""
        super().__init__(message)
        self.index = index
        self.tokens = tokens


class EmbeddingClient:
    """Asks an embedding server for vectors; safe to share between threads."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        patience: float = 10.0,
        timeout: float = 120.0,
        texts_per_request: int = 128,
        characters_per_request: int = 400_000,
    ) -> None:
        """Point the client at `url` (with its `/v1`); nothing is connected before the first call.

        `patience` is for how many seconds a server that refuses connections (or says 429 or 503) is asked again; `timeout`
        is how many seconds one request may take.
        """
        self.url = url.rstrip("/")
        self._patience = patience
        self._texts_per_request = texts_per_request
        self._characters_per_request = characters_per_request
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(headers=headers, timeout=httpx.Timeout(timeout, connect=5.0), trust_env=False)
        self._version: EmbeddingVersion | None = None
        self._engine: str | None = None
        self._lock = threading.Lock()

    @property
    def known_version(self) -> EmbeddingVersion | None:
        """The version that the server named last; None before it was asked."""
        return self._version

    @property
    def engine(self) -> str | None:
        """What the server computed with when it was asked last, as `openvino bf16`; None where it does not say it."""
        return self._engine

    def version(self, *, patience: float | None = None, within: float | None = None) -> EmbeddingVersion:
        """Return the version of the server's vectors, asked once (`GET /v1/models`).

        A server that is not ours says neither revision nor dimensions: then the revision is empty and one text is embedded
        to count the dimensions. `patience` and `within` (the seconds of one request) replace the client's own.

        Raises:
            StoreUnavailableError: the server can't be reached or answers with an error.
            ConfigurationError: the address is not that of an embedding server.
        """
        with waiting_for(EMBEDDER):
            # Another thread may be asking: it is waited for as long as its request would be.
            if not self._lock.acquire(timeout=-1 if within is None else within):
                raise self._slow(f"no answer for {within:g} s")
            try:
                if self._version is None:
                    self._version = self._ask_version(patience, within)
                return self._version
            finally:
                self._lock.release()

    def embed(
        self, texts: Sequence[str], version: EmbeddingVersion | None = None, *, within: float | None = None
    ) -> Vectors:
        """Return the vectors of `texts`: float32, shape `(len(texts), dimensions)`, each of length 1.

        They are of `version` (default: the one that the server named): a server that was started again with another model
        meanwhile says so with each answer. `within` is how many seconds a request may take whose caller has no more.

        Raises:
            EmbeddingInputError: a text exceeds the model's tokens; `index` says which, counted in `texts`.
            EmbeddingVersionError: the server makes another version by now; it is asked again at the next call.
            StoreUnavailableError: the server can't be reached or answers with an error.
        """
        version = version or self.version()
        if not texts:
            return np.zeros((0, version.dimensions), dtype=np.float32)
        parts: list[Vectors] = []
        start = 0
        for chunk in self._chunks(texts):
            vectors, made = self._embed_chunk(version.model, chunk, start, within)
            if made not in {None, version.name}:
                raise self._changed(version, f"version {made}")
            parts.append(vectors)
            start += len(chunk)
        vectors = np.concatenate(parts)
        if vectors.shape[1] != version.dimensions:
            raise self._changed(version, f"vectors of {vectors.shape[1]} dimensions")
        return vectors

    def ping(self) -> float:
        """Return how many seconds the server takes to name its models; one that was changed is noticed.

        Raises:
            StoreUnavailableError: the server can't be reached, is still loading or answers with an error.
        """
        started = time.perf_counter()
        answer = self._request("GET", "/models", patience=0.0)
        seconds = time.perf_counter() - started
        named = _named_version(answer)
        with self._lock:
            if named is not None and self._version is not None:
                self._version, self._engine = named, _named_engine(answer)
        return seconds

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _changed(self, expected: EmbeddingVersion, made: str) -> EmbeddingVersionError:
        with self._lock:
            self._version = None
        return EmbeddingVersionError(
            f"The embedding server at {self.url} now gives {made} instead of version {expected.name} ({expected.model}): it was "
            "started with another model. Start it with the old one, or name a server of each model."
        )

    def _ask_version(self, patience: float | None, within: float | None) -> EmbeddingVersion:
        answer = self._request("GET", "/models", patience=patience, within=within)
        named = _named_version(answer)
        if named is not None:
            self._engine = _named_engine(answer)
            return named
        models = answer.get("data")
        if not isinstance(models, list) or not models or "id" not in models[0]:
            raise ConfigurationError(
                f"{self.url}/models lists no model, so this is no embedding server; set DOCGRAPH_EMBEDDINGS_URL to one (with /v1)."
            )
        entry = models[0]
        model = str(entry["id"])
        vectors, _ = self._embed_chunk(model, [_PROBE], 0, within)
        return embedding_version(
            model=model,
            revision=str(entry.get("revision") or ""),
            dimensions=int(vectors.shape[1]),
            max_tokens=int(entry.get("max_model_len") or 0),
            pooling="server",
            template=TEMPLATE,
        )

    def _chunks(self, texts: Sequence[str]) -> Iterator[list[str]]:
        chunk: list[str] = []
        characters = 0
        for text in texts:
            if chunk and (
                len(chunk) >= self._texts_per_request or characters + len(text) > self._characters_per_request
            ):
                yield chunk
                chunk, characters = [], 0
            chunk.append(text)
            characters += len(text)
        yield chunk

    def _embed_chunk(
        self, model: str, texts: list[str], start: int, within: float | None
    ) -> tuple[Vectors, str | None]:
        """Return the vectors of one request, and the version that the server says they are of (None: it says nothing)."""
        body = {"model": model, "input": texts, "encoding_format": "base64"}
        answer = self._request("POST", "/embeddings", body=body, start=start, within=within)
        rows = answer.get("data")
        if not isinstance(rows, list) or len(rows) != len(texts):
            raise StoreUnavailableError(
                f"The embedding server at {self.url} gave {len(rows) if isinstance(rows, list) else 'no'} vectors for {len(texts)} texts; "
                "look at its log."
            )
        try:
            ordered = sorted(rows, key=lambda row: int(row["index"]))
            vectors = np.stack([_vector(row["embedding"]) for row in ordered])
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise StoreUnavailableError(
                f"The embedding server at {self.url} answered with vectors that can't be read ({error}); look at its log."
            ) from error
        ours = answer.get("docgraph")
        return _normalised(vectors, self.url), str(ours["version"]) if isinstance(ours, Mapping) else None

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        start: int = 0,
        patience: float | None = None,
        within: float | None = None,
    ) -> Mapping[str, Any]:
        """Ask until there is an answer or patience ends; embedding is a pure function, so asking twice does no harm."""

        timeout = self._http.timeout if within is None else httpx.Timeout(within)

        def ask() -> httpx.Response:
            try:
                with waiting_for(EMBEDDER):
                    return self._http.request(method, self.url + path, json=body, timeout=timeout)
            except httpx.TimeoutException as error:
                raise self._slow(type(error).__name__) from error
            except httpx.InvalidURL as error:
                raise ConfigurationError(
                    f"DOCGRAPH_EMBEDDINGS_URL={self.url!r} is not a valid address: {error}"
                ) from error

        if patience is None:
            patience = self._patience if within is None else min(within, _HASTY_PATIENCE)
        retries = replace(_RETRIES, patience=patience)
        try:
            response = retries.call(
                ask,
                error=lambda error: isinstance(error, httpx.TransportError),
                result=lambda response: response.status_code in _RETRIED_STATUS,
            )
        except httpx.TransportError as error:
            raise self._unavailable(str(error) or type(error).__name__) from error
        if response.status_code in _RETRIED_STATUS:
            reason = f"HTTP {response.status_code}: {_error_of(response).get('message', '')}".rstrip(": ")
            raise self._unavailable(reason)
        return self._read(response, start)

    def _slow(self, reason: str) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"The embedding server at {self.url} took too long to answer ({reason}); look at its load and log."
        )

    def _unavailable(self, reason: str) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"The embedding server at {self.url} can't be reached ({reason}); check `make status` and its log."
        )

    def _read(self, response: httpx.Response, start: int) -> Mapping[str, Any]:
        if response.is_success:
            try:
                answer = response.json()
            except ValueError as error:
                raise ConfigurationError(
                    f"{response.url} answers with something that is not JSON; "
                    "set DOCGRAPH_EMBEDDINGS_URL to an embedding server (with /v1)."
                ) from error
            if isinstance(answer, Mapping):
                return answer
        detail = _error_of(response)
        if response.status_code in {400, 413, 422} and detail.get("code") == EmbeddingInputError.code:
            index, tokens = start + int(detail.get("index", 0)), int(detail.get("tokens", 0))
            raise EmbeddingInputError(
                f"Text {index} has {tokens} tokens and the embedding model reads {detail.get('max_tokens', '?')}; "
                "it would be cut silently. Lower the section budget in config/ingest.yaml.",
                index=index,
                tokens=tokens,
            )
        if response.status_code in {401, 403}:
            raise ConfigurationError(
                f"The embedding server at {self.url} refuses the key (HTTP {response.status_code}); set DOCGRAPH_EMBEDDINGS_API_KEY."
            )
        raise StoreUnavailableError(
            f"The embedding server at {self.url} answered HTTP {response.status_code}: {detail.get('message') or response.text[:200]}"
        )


def _said_by_ours(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a server of ours says of its model beside OpenAI's fields; None for any other server."""
    models = answer.get("data")
    entry = models[0] if isinstance(models, list) and models else None
    ours = entry.get("docgraph") if isinstance(entry, Mapping) else None
    return ours if isinstance(ours, Mapping) else None


def _named_engine(answer: Mapping[str, Any]) -> str | None:
    engine = (_said_by_ours(answer) or {}).get("engine")
    return f"{engine.get('name')} {engine.get('precision')}" if isinstance(engine, Mapping) else None


def _named_version(answer: Mapping[str, Any]) -> EmbeddingVersion | None:
    """Return the version that a server of ours names among its models; None for any other server."""
    ours = _said_by_ours(answer)
    if ours is None:
        return None
    return embedding_version(
        model=str(ours["model"]),
        revision=str(ours["revision"]),
        dimensions=int(ours["dimensions"]),
        max_tokens=int(ours["max_tokens"]),
        pooling=str(ours["pooling"]),
        normalisation=str(ours["normalisation"]),
        template=str(ours["template"]),
    )


def _vector(embedding: object) -> NDArray[np.float64]:
    """Read one vector; a server may answer with numbers although base64 was asked for."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float64)
    return np.asarray(embedding, dtype=np.float64)


def _normalised(vectors: NDArray[np.float64], url: str) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
        raise StoreUnavailableError(
            f"The embedding server at {url} gave a vector that is not finite or has no length; look at its log."
        )
    return np.ascontiguousarray(vectors / lengths, dtype=np.float32)


def _error_of(response: httpx.Response) -> Mapping[str, Any]:
    try:
        error = response.json().get("error")
    except (ValueError, AttributeError):
        return {}
    return error if isinstance(error, Mapping) else {"message": str(error or "")}
