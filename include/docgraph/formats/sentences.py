"""Finds where sentences begin, well enough to cut an overlong paragraph. No linguistics: an abbreviation is an end, too."""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(
    r"[.!?…][\"'”’»)\]*_`]{0,4}\s+(?=[^\sa-z])"  # a stop, then anything but a lower-case letter
    r"|[。！？；][”』」）]{0,2}\s*"
)


def sentence_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the offsets at which a sentence begins inside the range, without the first one."""
    for match in _END.finditer(text, start, end):
        if match.end() < end:
            yield match.end()
