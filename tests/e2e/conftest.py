"""What the end-to-end tests share."""

from __future__ import annotations

import pytest

from docgraph.runtime.connections import Runtime
from docgraph_local.stack import Stack
from support.e2e.drops import Drops


@pytest.fixture
def drops(stack: Stack, runtime: Runtime, tag: str) -> Drops:
    """A new dataset of the whole running stack."""
    assert stack.running
    return Drops(runtime, tag)
