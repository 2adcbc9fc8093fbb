"""Whether a text holds a query's terms, how rare each is, and which excerpt shows them best. Pure.

The rules of inflection are those of English and rough on purpose: they only decide what is shown and how sure an answer
is, never what is found.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Collection, Mapping, Sequence

from docgraph.stores.graph import lucene

#: Characters of an excerpt, ellipses included.
SNIPPET_LENGTH = 300
ELLIPSIS = "…"
_CONTEXT = 60

_WORD_START, _WORD_END = r"(?<![^\W_])", r"(?![^\W_])"
_ENDINGS = re.compile(r"(?:ations?|ions?|ings?|ers?|ed|es|ies|ied|ly|able|ments?|e|s|y)$")
_INFLECTION = r"[a-z]?(?:ations?|ions?|ings?|ers?|ed|es|ies|ied|ly|able|ments?|e|s|y)?"
_MIN_STEM = 3


def query_terms(query: str) -> list[str]:
    """Return the terms that full text searches for, which are the ones an answer is measured by."""
    return lucene.terms(query)


def is_identifier(terms: Sequence[str]) -> bool:
    """Whether the terms of a query are one identifier (`fs.readFile`, `--dry-run`, `E1101`), and not words."""
    return len(terms) == 1 and lucene.is_identifier(terms[0])


@functools.lru_cache(maxsize=2048)
def pattern(term: str) -> re.Pattern[str]:
    """Return what finds a term in lower-case text: a word in its inflections, an identifier however its parts are joined."""
    pieces = lucene.parts(term)
    if pieces:
        return re.compile(_WORD_START + r"[\W_]{0,2}".join(map(re.escape, pieces)) + _WORD_END)
    lowered = term.lower()
    if not lowered.isascii() or not lowered.isalpha():
        return re.compile(re.escape(lowered))
    stem = _ENDINGS.sub("", lowered)
    if len(stem) < _MIN_STEM:
        return re.compile(_WORD_START + re.escape(lowered) + r"s?" + _WORD_END)
    # running → runn → run
    if len(stem) > _MIN_STEM and stem[-1] == stem[-2] and stem[-1] not in "aeiousl":
        stem = stem[:-1]
    return re.compile(_WORD_START + re.escape(stem) + _INFLECTION + _WORD_END)


def matched(terms: Sequence[str], text: str) -> list[str]:
    """Return those of the terms that the text holds."""
    lowered = text.lower()
    return [term for term in terms if pattern(term).search(lowered)]


def rarity(holding: Mapping[str, int], total: int) -> dict[str, float]:
    """Weigh each term between 1 (in every text) and 2 (in none of them), given how many of `total` texts hold it.

    Rare terms say more about what is asked for: the inverse document frequency of BM25, ln(1 + (N - n + 0.5) / (n + 0.5)) over the
    N candidate texts, scaled by its largest value. Full text puts every section with a rare term among the candidates, so a term that
    none of them holds is in all likelihood nowhere in the dataset.
    """
    most = math.log(1 + (total + 0.5) / 0.5)
    return {term: 1.0 + math.log(1 + (total - n + 0.5) / (n + 0.5)) / most for term, n in holding.items()}


def share(term_weights: Mapping[str, float], held: Collection[str]) -> float:
    """Return the weighted share (0 to 1) of the terms that are among `held`; 0 where there are no terms."""
    total = sum(term_weights.values())
    return sum(weight for term, weight in term_weights.items() if term in held) / total if total else 0.0


def snippet(text: str, term_weights: Mapping[str, float], length: int = SNIPPET_LENGTH) -> str:
    """Return the excerpt of at most `length` characters in which the most (and rarest) terms stand, white space collapsed."""
    flat = " ".join(text.split())
    if len(flat) <= length:
        return flat
    lowered = flat.lower()
    # Lower-casing may change the length of a text (İ): then positions don't carry over.
    if len(lowered) != len(flat):
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in flat)
    hits = sorted(
        (match.start(), match.end(), term) for term in term_weights for match in pattern(term).finditer(lowered)
    )
    room = length - 2 * len(ELLIPSIS)
    best_score, best_start = -1.0, 0
    for start, _, _ in hits[:500]:
        low = max(0, start - _CONTEXT)
        inside = {term for s, e, term in hits if s >= low and e <= low + room}
        score = sum(term_weights[term] for term in inside)
        if score > best_score + 1e-9:
            best_score, best_start = score, low
    return _cut(flat, best_start, room)


def _cut(flat: str, start: int, room: int) -> str:
    start = min(start, max(0, len(flat) - room))
    end = min(len(flat), start + room)
    if start > 0:
        space = flat.find(" ", start, start + _CONTEXT // 2)
        start = space + 1 if space >= 0 else start
    if end < len(flat):
        space = flat.rfind(" ", max(start + 1, end - _CONTEXT // 2), end)
        end = space if space > start else end
    return (ELLIPSIS if start > 0 else "") + flat[start:end].strip() + (ELLIPSIS if end < len(flat) else "")
