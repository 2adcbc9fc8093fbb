"""Bounds what is computed over one document: the time that it may take, and what the collector costs while it lasts."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class _Late(BaseException):
    """The time is over. Not an `Exception`, so that no rule or reader on the way takes it for its own."""


def within(seconds: float, step: Callable[[], T], late: Callable[[], Exception]) -> T:
    """Return what `step` returns, or raise what `late` makes when it takes more than these seconds.

    For computing alone: where it waits for a store, a slow store would be said of the document. It works in a process's main
    thread, where the stages run, because only there Python can break off what it computes (a regular expression included);
    in other threads the step is not bounded. A limit around this one that ends sooner stays in force.
    """
    if threading.current_thread() is not threading.main_thread():
        return step()
    remaining, interval = signal.getitimer(signal.ITIMER_REAL)
    if 0 < remaining <= seconds:
        return step()
    is_open = True

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        if is_open:
            raise _Late

    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return step()
        finally:
            is_open = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before if before is not None else signal.SIG_DFL)
            if remaining:
                left = max(remaining - (time.monotonic() - began), 0.001)
                signal.setitimer(signal.ITIMER_REAL, left, interval)
    except _Late:
        raise late() from None


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python's cycle collector still meanwhile.

    A reader makes hundreds of thousands of objects, none of them garbage in cycles. The collector looks through all of them time
    and again: a third of the time that a document takes, and the part of it that grows faster than the document.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
