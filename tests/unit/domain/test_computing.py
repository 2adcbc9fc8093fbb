"""What is computed over one document is broken off in time, and limits around it stay in force."""

from __future__ import annotations

import gc
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from docgraph.domain.computing import uncollected, within


class TooSlowError(Exception):
    """The step took too long."""


def count_for_ever() -> int:
    number = 0
    while number >= 0:
        number += 1
    return number


def search_for_ever() -> object:
    return re.match(r"(?:a|a|aa)+b", "a" * 200)


def catch_all_and_go_on() -> int:
    while True:
        try:
            return count_for_ever()
        except Exception:
            continue


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    handler, (remaining, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    yield
    assert signal.getsignal(signal.SIGALRM) is handler
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(remaining)


@pytest.mark.parametrize("step", [count_for_ever, search_for_ever, catch_all_and_go_on])
def test_what_takes_too_long_is_broken_off_whatever_it_catches(step: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(TooSlowError):
        within(0.2, step, TooSlowError)
    assert time.monotonic() - began < 30


def test_what_is_in_time_is_returned_and_its_error_is_its_own() -> None:
    assert within(60, lambda: 7, TooSlowError) == 7
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 / 0, TooSlowError)


def test_a_limit_around_it_fires_when_it_would_have() -> None:
    fired: list[float] = []
    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, lambda *_: fired.append(time.monotonic() - began))
    outer = signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(TooSlowError):
            within(0.2, count_for_ever, TooSlowError)
        assert fired == []
        within(60, lambda: time.sleep(1.5), TooSlowError)
        assert 0.9 < fired[0] < 30
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *outer)


def test_outside_of_the_main_thread_a_step_is_not_bounded() -> None:
    found: list[int] = []

    def step() -> int:
        time.sleep(0.1)
        return 3

    thread = threading.Thread(target=lambda: found.append(within(0.001, step, TooSlowError)))
    thread.start()
    thread.join()
    assert found == [3]


def test_the_collector_rests_meanwhile_and_is_then_as_it_was() -> None:
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
