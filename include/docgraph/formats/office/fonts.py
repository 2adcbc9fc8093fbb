"""Tells fonts of fixed pitch, in which documents set code, from others by their names."""

from __future__ import annotations

import re

_FIXED = re.compile(
    r"\bmono(space)?(d|\b)|mono\b|courier|consol|menlo|monaco|inconsolata|fixedsys|lucida ?(console|sans typewriter)|terminal"
    r"|letter ?gothic|andale|\btypewriter|nimbus ?mon|cascadia|fira ?code|source ?code|hack\b|\bocr|\bcmtt|\blmmono|jetbrains",
    re.IGNORECASE,
)
_MAX_NAME = 200


def is_fixed_pitch(name: str) -> bool:
    """Tell whether a font of this name has letters of one width."""
    return _FIXED.search(name[:_MAX_NAME]) is not None
