"""What sources that read files agree on: names that are no documents, and names as text."""

from __future__ import annotations

import os

#: Names that editors, copying tools and operating systems leave for a moment.
IGNORED_SUFFIXES = ("~", ".part", ".tmp", ".swp", ".crdownload")


def is_passing(name: str) -> bool:
    """Tell whether a file of this name is never a document: it is hidden, or it is still being written."""
    return name.startswith(".") or name.endswith(IGNORED_SUFFIXES)


def printable(name: str) -> str:
    """Return a file name as text: bytes that are no UTF-8 become the replacement character."""
    return os.fsencode(name).decode("utf-8", errors="replace")
