"""Tells fonts of fixed pitch, in which documents set code, from others by their names."""

from __future__ import annotations

import re

_FIXED = re.compile(
    r"mono(?:spaced?)?(?=$|[^a-z]|bold|obl|ital|reg|med|light|book|roman)"
    r"|courier|consol|menlo|monaco|inconsolata|fixedsys"
    r"|lucida ?(console|sans typewriter)|terminal|letter ?gothic|andale|\btypewriter|nimbus ?mon"
    r"|cascadia|fira ?code|source ?code|hack\b|\bocr|lmmono|jetbrains"
    # Fonts of TeX are called by a foundry, a shape and a size.
    r"|(?:^|\+)(?:cm|ec|sf|lm|tx|t1x|px|t1px|aett)[a-z]{0,2}tt[a-z]*\d*(?:[-_]\w*)?$|(?:^|\+)(?:pcr|zi4|ul9)",
    re.IGNORECASE,
)
_MAX_NAME = 200


def is_fixed_pitch(name: str) -> bool:
    """Tell whether a font of this name has letters of one width."""
    return _FIXED.search(name[:_MAX_NAME]) is not None
