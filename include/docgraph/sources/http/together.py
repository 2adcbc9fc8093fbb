"""Several calls at a time, a few ahead of their reader."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(calls: Iterable[Callable[[], T]], at_once: int) -> Iterator[T]:
    """Yield what the calls return, in their order; at most `at_once` of them run, or have returned what nobody has taken yet.

    A reader that stops leaves the calls that run to their end, and those that have not begun undone.
    """
    pending: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="ahead")
    try:
        for call in calls:
            if len(pending) == at_once:
                yield pending.popleft().result()
            pending.append(pool.submit(call))
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
