"""What the model checks share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """Let the garbage collector rest: a search keeps every state that it has seen, and looking them all over frees nothing."""
    gc.disable()
    yield
    gc.enable()
