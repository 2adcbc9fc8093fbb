"""What the tests of sources share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty watch folder."""
    made = tmp_path / "ingest" / "watch"
    made.mkdir(parents=True)
    return made
