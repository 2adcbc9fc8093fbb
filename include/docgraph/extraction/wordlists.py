"""Lists of words that rules compare with, written as text so that they can be read and kept sorted."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the set of the words in a text."""
    return frozenset(text.split())


def phrases(text: str) -> frozenset[str]:
    """Return the set of a text's lines (several words each)."""
    return frozenset(line.strip() for line in text.splitlines() if line.strip())
