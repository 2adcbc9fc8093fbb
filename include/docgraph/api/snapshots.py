"""Bytes that were uploaded."""

from __future__ import annotations

from docgraph.api.base import AnswerModel


class Snapshot(AnswerModel):
    """Bytes that the service holds, by their SHA-256 (hex), with their size in bytes."""

    sha256: str
    size: int
