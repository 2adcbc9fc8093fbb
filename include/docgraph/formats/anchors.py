"""Names the anchors of headings as GitHub does, and cuts heading paths to what may be embedded. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import category, normalize

from docgraph.formats import ruler

#: What an anchor keeps beside hyphens and spaces, by Unicode category. Marks are no `\w` for `re`, but letters of Devanagari or Thai.
_IN_ANCHOR = frozenset("LMN")
_MAX_ANCHOR = 200
#: Longer headings are cut by characters before they are measured.
_MAX_HEADING = 1_000
ELLIPSIS = "…"


class AnchorBook:
    """The anchors that a document has given away so far."""

    def __init__(self, *, is_python: bool = False) -> None:
        """Begin a document; `is_python`: its site is built with Python-Markdown (MkDocs), which names anchors in its own way."""
        self._slug, self._mark = (_python_slug, "_") if is_python else (_slug, "-")
        # Python-Markdown numbers even the first anchor that would be empty.
        self._taken: dict[str, int] = {"": 0} if is_python else {}

    def take(self, heading: str, *, given: bool = False) -> str:
        """Return the anchor of the next heading: lower case, no punctuation, hyphens for spaces; repeated ones are numbered.

        An anchor that the author gave is kept as it is.
        """
        wanted = heading if given else self._slug(heading)
        anchor = wanted
        while anchor in self._taken and not given:
            self._taken[wanted] += 1
            anchor = f"{wanted}{self._mark}{self._taken[wanted]}"
        self._taken.setdefault(anchor, 0)
        return anchor


def _slug(heading: str) -> str:
    kept = (
        each for each in heading.lower() if each in "- " or category(each)[0] in _IN_ANCHOR or category(each) == "Pc"
    )
    return "".join(kept).replace(" ", "-")[:_MAX_ANCHOR]


def _python_slug(heading: str) -> str:
    plain = normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())[:_MAX_ANCHOR]


def cut_heading_path(path: Sequence[str], budget: int) -> tuple[str, ...]:
    """Cut a heading path to `budget` word pieces, keeping its end; what was cut shows as an ellipsis.

    The result is what the section is hashed *and* embedded with, so that nothing has to be cut later.
    """
    if ruler.fits(" > ".join(path), budget):
        return tuple(path)
    kept: list[str] = []
    for heading in reversed(path):
        if not ruler.fits(" > ".join([ELLIPSIS, heading, *kept]), budget):
            break
        kept.insert(0, heading)
    if kept:
        return (ELLIPSIS, *kept)
    return (_end_of(path[-1], budget),)


def _end_of(heading: str, budget: int) -> str:
    """Return the longest end of a heading that fits, beginning at a word where there are words."""
    tail = heading[-_MAX_HEADING:]
    starts = [match.start() for match in re.finditer(r"(?<=\s)\S", tail)] or list(range(len(tail)))
    low, high = 0, len(starts) - 1
    while low < high:
        middle = (low + high) // 2
        if ruler.fits(ELLIPSIS + tail[starts[middle] :], budget):
            high = middle
        else:
            low = middle + 1
    end = tail[starts[low] :]
    if ruler.fits(ELLIPSIS + end, budget):
        return ELLIPSIS + end
    return _end_of_characters(end, budget)


def _end_of_characters(text: str, budget: int) -> str:
    while not ruler.fits(ELLIPSIS + text, budget):
        text = text[len(text) // 4 + 1 :]
    return ELLIPSIS + text
