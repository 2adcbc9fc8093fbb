"""Small pure functions from values to text that is safe and short enough for a terminal."""

from __future__ import annotations

ELLIPSIS = "…"


def printable(text: str, keep: str = "") -> str:
    """Make text from outside safe for a terminal: control characters, escapes and stray bytes become visible."""
    return "".join(char if char in keep or char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    # A byte that was no UTF-8 came in as a lone surrogate (PEP 383); it is shown as the byte that it was.
    if 0xDC80 <= ord(char) <= 0xDCFF:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()


def shorten(text: str, width: int) -> str:
    """Cut text in the middle to `width` terminal cells; the end, where a file's name is, keeps the larger part."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    if width <= 1:
        return ELLIPSIS[:width]
    tail_width = (width - 1) * 2 // 3
    tail = text
    while cell_len(tail) > tail_width:
        tail = tail[1:]
    head = set_cell_size(text, width - 1 - cell_len(tail)).rstrip()
    return head + ELLIPSIS + tail


def duration(seconds: float | None) -> str:
    """Write seconds the way a person says them: `42ms`, `0.4s`, `12s`, `3m05s`, `2h10m`."""
    if seconds is None:
        return ""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def estimate(seconds: float) -> str:
    """Write a guessed duration without pretending to know tenths."""
    return f"{max(1, round(seconds))}s" if seconds < 9.95 else duration(seconds)


def size(count: int) -> str:
    """Write a number of bytes in powers of 1024: `870 B`, `3.1 MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 document`, `3 documents`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
