"""Batching across callers: even shares, short texts first, no starvation, errors only to those whose texts they were."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_server.batcher import (
    Batcher,
    BatcherClosedError,
    Lane,
    QueueFullError,
    _Request,
    divide,
)

Vectors = NDArray[np.float32]


def request(name: int, lengths: Sequence[int]) -> _Request:
    texts = [[name] * length for length in lengths]
    pending = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
    return _Request(texts, Future(), pending)


def owners(batch: Sequence[tuple[_Request, int]]) -> list[int]:
    return [each.texts[position][0] for each, position in batch]


def first_number(batch: Sequence[list[int]]) -> Vectors:
    """A model whose vector says which text it belongs to."""
    return np.array([[ids[0], len(ids)] for ids in batch], dtype=np.float32)


class Slow:
    """A model that waits for permission before each batch and remembers what it was given."""

    def __init__(self) -> None:
        self.permits = threading.Semaphore(0)
        self.batches: list[list[list[int]]] = []
        self.entered = threading.Semaphore(0)

    def __call__(self, batch: Sequence[list[int]]) -> Vectors:
        self.batches.append([list(ids) for ids in batch])
        self.entered.release()
        assert self.permits.acquire(timeout=10)
        return first_number(batch)


def test_a_batch_is_shared_evenly_between_waiting_requests() -> None:
    waiting = deque([request(1, [5] * 100), request(2, [5] * 100)])
    batch = divide(waiting, 32)
    assert sorted(owners(batch)) == [1] * 16 + [2] * 16


def test_what_small_requests_leave_goes_to_the_others() -> None:
    waiting = deque([request(1, [5] * 100), request(2, [5] * 3)])
    batch = divide(waiting, 32)
    assert owners(batch).count(2) == 3
    assert len(batch) == 32
    assert [each.texts[0][0] for each in waiting] == [1]


def test_a_requests_texts_are_handed_out_from_short_to_long() -> None:
    waiting = deque([request(1, [9, 2, 7, 4])])
    assert [len(each.texts[position]) for each, position in divide(waiting, 3)] == [2, 4, 7]


def test_with_more_requests_than_places_everybody_gets_a_turn() -> None:
    waiting = deque(request(name, [5] * 2) for name in range(1, 6))
    turns = [owners(divide(waiting, 2)) for _ in range(5)]
    assert turns == [[1, 2], [3, 4], [5, 1], [2, 3], [4, 5]]


def test_a_batch_ends_at_its_tokens() -> None:
    waiting = deque([request(1, [100] * 20)])
    assert [len(divide(waiting, 32, 800)) for _ in range(3)] == [8, 8, 4]


def test_a_caller_of_long_texts_gets_no_more_of_a_batch_than_one_of_short_ones() -> None:
    batch = divide(deque([request(1, [200] * 50), request(2, [10] * 500)]), 1000, 2000)
    tokens = {name: sum(len(each.texts[i]) for each, i in batch if each.texts[i][0] == name) for name in (1, 2)}
    assert tokens == {1: 1000, 2: 1000}


def test_a_text_beyond_the_tokens_of_a_batch_has_one_for_itself() -> None:
    waiting = deque([request(1, [5000] * 2), request(2, [10] * 3)])
    assert [owners(divide(waiting, 32, 2000)) for _ in range(3)] == [[1], [2, 2, 2], [1]]


def test_callers_whose_texts_fill_a_batch_alone_take_turns() -> None:
    waiting = deque(request(name, [900] * 4) for name in range(1, 5))
    assert [owners(divide(waiting, 32, 2000)) for _ in range(4)] == [[1, 2], [3, 4], [1, 2], [3, 4]]


def test_a_request_that_fills_a_batch_by_its_tokens_does_not_wait_for_more() -> None:
    lane = Lane("bulk", first_number, batch_size=32, max_wait=5.0, batch_tokens=300)
    started = time.monotonic()
    lane.submit([[1] * 100] * 3).result(timeout=10)
    assert time.monotonic() - started < 4.0
    lane.close()


def test_vectors_come_back_in_the_order_of_the_texts() -> None:
    lane = Lane("bulk", first_number, batch_size=4, max_wait=0.0)
    texts = [[number] * (1 + number * 7 % 11) for number in range(1, 30)]
    vectors = lane.submit(texts).result(timeout=10)
    lane.close()
    assert [int(vector[0]) for vector in vectors] == list(range(1, 30))


def test_texts_of_several_callers_fill_one_batch() -> None:
    model = Slow()
    lane = Lane("bulk", model, batch_size=8, max_wait=0.0)
    blocking = lane.submit([[1]])
    assert model.entered.acquire(timeout=10)
    futures = [lane.submit([[2], [2]]), lane.submit([[3], [3]])]
    for _ in range(2):
        model.permits.release()
    assert [len(future.result(timeout=10)) for future in (blocking, *futures)] == [1, 2, 2]
    lane.close()
    assert [len(batch) for batch in model.batches] == [1, 4]


def test_a_small_request_overtakes_a_big_one_that_came_before_it() -> None:
    model = Slow()
    lane = Lane("bulk", model, batch_size=4, max_wait=0.0)
    big = lane.submit([[1] * 5] * 40)
    assert model.entered.acquire(timeout=10)
    small = lane.submit([[2] * 5] * 2)
    for _ in range(2):
        model.permits.release()
    assert len(small.result(timeout=10)) == 2
    assert not big.done()
    for _ in range(20):
        model.permits.release()
    assert len(big.result(timeout=10)) == 40
    lane.close()


def test_a_batch_that_is_not_full_waits_for_more_texts_but_not_long() -> None:
    lane = Lane("bulk", first_number, batch_size=8, max_wait=1.0)
    started = time.monotonic()
    lane.submit([[1]]).result(timeout=10)
    assert 0.9 < time.monotonic() - started < 5.0
    started = time.monotonic()
    lane.submit([[1]] * 8).result(timeout=10)
    assert time.monotonic() - started < 0.8
    lane.close()


def test_a_query_does_not_wait_for_a_bulk_batch() -> None:
    model = Slow()

    def encode(batch: Sequence[list[int]]) -> Vectors:
        return model(batch) if batch[0][0] == 1 else first_number(batch)

    batcher = Batcher(encode)
    bulk = batcher.submit([[1]] * 100)
    assert model.entered.acquire(timeout=10)
    assert len(batcher.submit([[2]]).result(timeout=10)) == 1
    assert not bulk.done()
    for _ in range(10):
        model.permits.release()
    bulk.result(timeout=10)
    batcher.close()


def test_an_error_of_the_model_reaches_only_the_callers_whose_texts_were_in_the_batch() -> None:
    model = Slow()

    def encode(batch: Sequence[list[int]]) -> Vectors:
        vectors = model(batch)
        if any(ids[0] == 13 for ids in batch):
            raise RuntimeError("out of memory")
        return vectors

    lane = Lane("bulk", encode, batch_size=2, max_wait=0.0)
    unlucky = lane.submit([[13]] * 6)
    assert model.entered.acquire(timeout=10)
    lucky = lane.submit([[2]])
    for _ in range(4):
        model.permits.release()
    with pytest.raises(RuntimeError, match="out of memory"):
        unlucky.result(timeout=10)
    assert len(lucky.result(timeout=10)) == 1
    assert lane.waiting_texts == 0
    lane.close()


def test_closing_fails_what_waits_and_refuses_what_comes() -> None:
    model = Slow()
    batcher = Batcher(model, batch_size=4)
    waiting = batcher.submit([[1]] * 40)
    assert model.entered.acquire(timeout=10)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    # The batch under way holds the closing up; nothing new is taken in meanwhile.
    while not batcher.lanes[1].is_closed:
        time.sleep(0.005)
    with pytest.raises(BatcherClosedError):
        batcher.submit([[2]] * 40)
    model.permits.release()
    closing.join(timeout=10)
    assert not closing.is_alive()
    with pytest.raises(BatcherClosedError):
        waiting.result(timeout=10)
    assert len(model.batches) == 1


def test_too_much_waiting_work_is_refused() -> None:
    model = Slow()
    batcher = Batcher(model, batch_size=4, max_waiting_texts=10)
    batcher.submit([[1]] * 40)
    assert model.entered.acquire(timeout=10)
    with pytest.raises(QueueFullError, match="at most 10"):
        batcher.submit([[1]] * 40)
    for _ in range(20):
        model.permits.release()
    batcher.close()
