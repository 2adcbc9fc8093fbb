"""Batching across callers: texts of all waiting requests fill the batches that the model computes.

Two lanes, a thread each. *Interactive* takes requests of a few texts (queries), so that a query never waits behind a batch
of a bulk request; *bulk* takes the rest. Inside a lane each batch is divided evenly between the waiting requests, longest
waiting first, so that small requests finish early and no request starves. A batch is bounded by texts and by tokens, and its
tokens are what is divided: so a batch takes about the same time whatever its texts are, and a request of long texts takes
no more of it than one of short texts. A request's texts are handed out sorted by length, because a batch costs as much as
its longest text for every one of its texts.

Which texts share a batch changes a vector by float noise only (about 1e-7 for each component), because padding is masked.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from docgraph.domain.errors import InfrastructureError

#: Tokens in a batch: two passes of the model (`embedding_server.encoder`), 0.1 to 0.5 s of two cores.
BATCH_TOKENS = 2048

TokenIds = list[int]
Vectors = NDArray[np.float32]


class BatcherClosedError(InfrastructureError):
    """The embedder is shutting down; ask again in some seconds."""


class QueueFullError(InfrastructureError):
    """Too many texts wait for the embedder already; ask again in some seconds."""


class Observer(Protocol):
    """Is told what the lanes do; called from their threads."""

    def batch(self, lane: str, texts: int, tokens: int, seconds: float) -> None:
        """One batch was computed."""


@dataclass(slots=True, eq=False)
class _Request:
    """One caller's texts; `pending` holds positions, the shortest text last so that it is popped first."""

    texts: Sequence[TokenIds]
    future: Future[list[NDArray[np.float32]]]
    pending: list[int]
    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)


class Lane:
    """One queue and one thread that computes batches from it."""

    def __init__(
        self,
        name: str,
        encode: Callable[[Sequence[TokenIds]], Vectors],
        *,
        batch_size: int,
        max_wait: float,
        batch_tokens: int = BATCH_TOKENS,
        observer: Observer | None = None,
    ) -> None:
        """Start the lane's thread; `max_wait` is for how many seconds a batch that is not full waits for more texts."""
        self.name = name
        self._encode = encode
        self._batch_size = batch_size
        self._batch_tokens = batch_tokens
        self._max_wait = max_wait
        self._observer = observer
        self._requests: deque[_Request] = deque()
        self._waiting_texts = 0
        self._waiting_tokens = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"embedder-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting_texts(self) -> int:
        """How many texts are in no batch yet."""
        return self._waiting_texts

    @property
    def is_closed(self) -> bool:
        """Whether the lane takes no more requests."""
        return self._closed

    def submit(self, texts: Sequence[TokenIds]) -> Future[list[NDArray[np.float32]]]:
        """Queue one request; the future holds the vectors in the order of `texts`.

        Raises:
            BatcherClosedError: the lane takes no more requests.
        """
        future: Future[list[NDArray[np.float32]]] = Future()
        if not texts:
            future.set_result([])
            return future
        pending = sorted(range(len(texts)), key=lambda position: len(texts[position]), reverse=True)
        with self._changed:
            if self._closed:
                raise BatcherClosedError
            self._requests.append(_Request(texts, future, pending))
            self._waiting_texts += len(texts)
            self._waiting_tokens += sum(map(len, texts))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Take no more requests, finish the batch under way, and fail what still waits."""
        with self._changed:
            self._closed = True
            abandoned = list(self._requests)
            self._requests.clear()
            self._waiting_texts = self._waiting_tokens = 0
            self._changed.notify()
        self._thread.join()
        for request in abandoned:
            _fail(request, BatcherClosedError())

    def _work(self) -> None:
        while batch := self._next_batch():
            tokens = [request.texts[position] for request, position in batch]
            started = time.perf_counter()
            try:
                vectors = self._encode(tokens)
            except Exception as error:  # noqa: BLE001 - whatever the model raises belongs to the callers, not to this thread
                self._give_up(batch, error)
                continue
            if self._observer:
                self._observer.batch(self.name, len(batch), sum(map(len, tokens)), time.perf_counter() - started)
            for (request, position), vector in zip(batch, vectors, strict=True):
                request.vectors[position] = vector
            for request in {id(request): request for request, _ in batch}.values():
                if len(request.vectors) == len(request.texts) and not request.future.done():
                    request.future.set_result([request.vectors[i] for i in range(len(request.texts))])

    def _next_batch(self) -> list[tuple[_Request, int]]:
        """Wait for texts and take the next batch; empty when the lane is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting_texts > 0)
            deadline = time.monotonic() + self._max_wait
            while not self._closed and not self._is_full():
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    break
            batch = divide(self._requests, self._batch_size, self._batch_tokens)
            self._waiting_texts -= len(batch)
            self._waiting_tokens -= sum(len(request.texts[position]) for request, position in batch)
            return batch

    def _is_full(self) -> bool:
        return self._waiting_texts >= self._batch_size or self._waiting_tokens >= self._batch_tokens

    def _give_up(self, batch: Sequence[tuple[_Request, int]], error: Exception) -> None:
        failed = {id(request): request for request, _ in batch}
        with self._changed:
            for request in failed.values():
                self._waiting_texts -= len(request.pending)
                self._waiting_tokens -= sum(len(request.texts[position]) for position in request.pending)
                request.pending.clear()
            self._requests = deque(request for request in self._requests if id(request) not in failed)
        for request in failed.values():
            _fail(request, error)


def divide(requests: deque[_Request], batch_size: int, batch_tokens: int = BATCH_TOKENS) -> list[tuple[_Request, int]]:
    """Take up to `batch_size` texts of up to `batch_tokens` tokens from `requests`; at least one text, however long it is.

    Even shares, shortest texts first; who has texts left goes to the back.
    """
    batch: list[tuple[_Request, int]] = []
    tokens = 0
    turn = list(requests)
    while turn and len(batch) < batch_size:
        share = max(1, (batch_size - len(batch)) // len(turn))
        # A text that is longer than the share is taken if nothing of its request is yet, so that everybody gets on.
        token_share = max(1, (batch_tokens - tokens) // len(turn))
        before = len(batch)
        for request in turn:
            taken = spent = 0
            while request.pending and taken < share and len(batch) < batch_size:
                length = len(request.texts[request.pending[-1]])
                if (taken and spent + length > token_share) or (batch and tokens + length > batch_tokens):
                    break
                batch.append((request, request.pending.pop()))
                taken, spent, tokens = taken + 1, spent + length, tokens + length
        if len(batch) == before:
            break
        turn = [request for request in turn if request.pending]
    served = {id(request) for request, _ in batch}
    behind = [request for request in requests if id(request) in served and request.pending]
    ahead = [request for request in requests if id(request) not in served]
    requests.clear()
    requests.extend(ahead)
    requests.extend(behind)
    return batch


def _fail(request: _Request, error: Exception) -> None:
    if not request.future.done():
        request.future.set_exception(error)


class Batcher:
    """Routes requests to the lanes and bounds how much may wait."""

    def __init__(
        self,
        encode: Callable[[Sequence[TokenIds]], Vectors],
        *,
        batch_size: int = 32,
        interactive_texts: int = 4,
        max_wait: float = 0.004,
        max_waiting_texts: int = 8192,
        batch_tokens: int = BATCH_TOKENS,
        observer: Observer | None = None,
    ) -> None:
        """Start both lanes; a request of up to `interactive_texts` texts is interactive."""
        self._interactive_texts = interactive_texts
        self._max_waiting_texts = max_waiting_texts

        def lane(name: str, wait: float) -> Lane:
            return Lane(
                name, encode, batch_size=batch_size, max_wait=wait, batch_tokens=batch_tokens, observer=observer
            )

        # A query gains nothing from waiting: while one batch is computed, the next one fills by itself.
        self._interactive = lane("interactive", 0.0)
        self._bulk = lane("bulk", max_wait)

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        """The interactive and the bulk lane."""
        return self._interactive, self._bulk

    def submit(self, texts: Sequence[TokenIds]) -> Future[list[NDArray[np.float32]]]:
        """Queue one request; the future holds the vectors in the order of `texts`.

        Raises:
            QueueFullError: more texts wait already than are allowed to.
            BatcherClosedError: the batcher takes no more requests.
        """
        lane = self._interactive if len(texts) <= self._interactive_texts else self._bulk
        if lane.waiting_texts > self._max_waiting_texts:
            raise QueueFullError(
                f"{lane.waiting_texts} texts wait for the embedder already (at most {self._max_waiting_texts}); ask again in some seconds."
            )
        return lane.submit(texts)

    def close(self) -> None:
        """End both lanes; what waits fails with `BatcherClosedError`."""
        for lane in self.lanes:
            lane.close()
