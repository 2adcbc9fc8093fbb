"""A watch folder as the people use it who drop files."""

from __future__ import annotations

from pathlib import Path


def drop(root: Path, name: str, text: str = "# Page\n", *, ready: bool = False) -> Path:
    """Write a file, and announce it as complete if it is `ready`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if ready:
        path.with_name(path.name + ".ready").touch()
    return path
