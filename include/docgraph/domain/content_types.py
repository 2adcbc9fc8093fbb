"""Which extension stands for which content type: what is taken from a folder, and which reader reads it. Reads no file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".md": "text/markdown",
        ".markdown": "text/markdown",
        ".mdx": "text/markdown",
        ".txt": "text/plain",
    }
)


def content_type_of(name: str) -> str | None:
    """Return the content type of a file by its extension, or None where no reader exists."""
    lowered = name.lower()
    return next((kind for extension, kind in CONTENT_TYPES.items() if lowered.endswith(extension)), None)
