"""Which store a piece of work waits for, in whichever of its threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from docgraph.domain.waits import NEO4J, QDRANT, REDIS, Waits, noted, waiting_for


def store_of(waits: Waits) -> str:
    longest = waits.longest()
    return "" if longest is None else longest.store


def test_the_call_that_is_out_the_longest_is_named_until_it_returns() -> None:
    with noted() as waits:
        assert store_of(waits) == ""
        with waiting_for(NEO4J):
            with waiting_for(QDRANT):
                assert store_of(waits) == NEO4J
            assert store_of(waits) == NEO4J
        assert store_of(waits) == ""


def test_a_call_that_fails_is_out_no_more() -> None:
    with noted() as waits:
        with pytest.raises(ConnectionError), waiting_for(REDIS):
            raise ConnectionError
        assert waits.longest() is None


def test_a_thread_with_a_copy_of_the_context_belongs_to_the_work_and_another_does_not() -> None:
    returning = threading.Event()

    def call(store: str, begun: threading.Event) -> None:
        with waiting_for(store):
            begun.set()
            returning.wait(10)

    with ThreadPoolExecutor(2) as threads, noted() as waits:
        # The context is copied where the work is noted.
        runs: list[tuple[Callable[..., None], str]] = [(call, REDIS), (copy_context().run, QDRANT)]
        try:
            for run, store in runs:
                begun = threading.Event()
                arguments = (store, begun) if store == REDIS else (call, store, begun)
                threads.submit(run, *arguments)
                assert begun.wait(10)
            assert store_of(waits) == QDRANT
        finally:
            returning.set()
