"""Histories of crashes, orphans, lost and late requests that a machine makes up, on the real code and the real stores."""

from __future__ import annotations

import os

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime
from support.integration.protocol_machine import forgetful, try_histories

__all__ = ["forgetful"]


@pytest.mark.task("6.2")
@pytest.mark.timeout(7200)
def test_no_history_of_crashes_and_late_requests_breaks_the_commit_protocol(
    forgetful: Runtime, version: EmbeddingVersion
) -> None:
    """`DOCGRAPH_PROTOCOL_EXAMPLES` sets how many histories are tried; a number of one's own draws new ones each time."""
    wanted = os.environ.get("DOCGRAPH_PROTOCOL_EXAMPLES")
    try_histories(forgetful, version, int(wanted or 25), fixed=wanted is None)
