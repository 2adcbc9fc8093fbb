"""The order of the candidates: a weighted sum of what the arms, the words and the places say about each. Pure.

The weights are in `ranking.toml` beside this file, with the command that fitted them; nothing is learned or looked up here. What each
signal means, and what it weighs, is explained in docs/explanation/retrieval.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from itertools import pairwise

from docgraph.retrieval.matching import is_identifier, pattern, rarity, share
from docgraph.retrieval.validated import Hit
from docgraph.stores.graph.lucene import STOP_WORDS

#: Damps the lead of first places: a rank counts 1 / (5 + rank).
K = 5
#: Characters between two neighbouring terms of the question that still stand together, and how often the first is looked at.
_TOGETHER, _LOOKS = 25, 20
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known about a candidate; each is between 0 and 1 (a cosine may be a little below 0)."""

    #: Cosine similarity to the question; of a section that only full text found, the lowest that the dense arm gave.
    cosine: float
    #: 1 / (5 + rank) in each arm, 0 where the arm did not name it.
    meaning_rank: float
    words_rank: float
    #: `words_rank` again where the question is one identifier, else 0.
    identifier_rank: float
    #: Share of the question's terms that its text and headings hold, each counting by how few candidates hold it.
    coverage: float
    #: How much of its own heading is what was asked: the question's terms in it, for each of the heading's words.
    heading: float
    #: Share of the question's terms in the document's title, rare terms counting up to twice.
    title: float
    #: Share of the question's neighbouring terms that stand near each other in its text, in the question's order.
    together: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates in their order with their scores, which of the question's terms each holds, and what each term weighs."""

    ranking: list[tuple[str, float]]
    held: Mapping[str, frozenset[str]]
    term_weights: Mapping[str, float]


@cache
def fitted() -> Signals:
    """Return the weights of `ranking.toml`, one for each signal."""
    text = resources.files("docgraph.retrieval").joinpath("ranking.toml").read_text(encoding="utf-8")
    return Signals(**tomllib.loads(text)["weights"])


def rank(
    hits: Mapping[str, Hit],
    dense: Sequence[str],
    words: Sequence[str],
    terms: Sequence[str],
    weights: Signals | None = None,
) -> Ranked:
    """Order the candidates that exist by the weighted sum of their signals, best first.

    `dense` and `words` are the arms' lists, best first. Equal scores stand in the order of their ids, so the same candidates give
    the same answer on every machine.
    """
    signals, held, term_weights = signals_of(hits, dense, words, terms)
    by_name = [(field.name, getattr(weights or fitted(), field.name)) for field in fields(Signals)]
    scores = {i: sum(weight * getattr(own, name) for name, weight in by_name) for i, own in signals.items()}
    return Ranked(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])), held, term_weights)


def signals_of(
    hits: Mapping[str, Hit], dense: Sequence[str], words: Sequence[str], terms: Sequence[str]
) -> tuple[dict[str, Signals], dict[str, frozenset[str]], dict[str, float]]:
    """Return the signals of every candidate, the question's terms that each holds, and the weight of each term."""
    looked = {i: _Looked(hit, terms) for i, hit in hits.items()}
    term_weights = rarity({term: sum(term in each.held for each in looked.values()) for term in terms}, len(looked))
    # A term weighs 1 and its rarity; what every candidate holds says nothing about their order.
    rarest = {term: weight - 1.0 for term, weight in term_weights.items()}
    by_meaning = {i: 1.0 / (K + place) for place, i in enumerate(dense, start=1)}
    by_words = {i: 1.0 / (K + place) for place, i in enumerate(words, start=1)}
    lowest = min((hits[i].candidate.cosine or 0.0 for i in dense), default=0.0)
    is_one = is_identifier(terms)
    signals = {}
    for i, hit in hits.items():
        cosine, word = hit.candidate.cosine, by_words.get(i, 0.0)
        signals[i] = Signals(
            cosine=lowest if cosine is None else cosine,
            meaning_rank=by_meaning.get(i, 0.0),
            words_rank=word,
            identifier_rank=word if is_one else 0.0,
            coverage=share(rarest, looked[i].held),
            heading=looked[i].heading,
            title=share(term_weights, looked[i].in_title),
            together=looked[i].together,
        )
    return signals, {i: each.held for i, each in looked.items()}, term_weights


class _Looked:
    """Where the terms of a question stand in one section; each text is looked through once."""

    __slots__ = ("heading", "held", "in_title", "together")

    def __init__(self, hit: Hit, terms: Sequence[str]) -> None:
        path = hit.section.heading_path
        text, above = hit.section.text.lower(), " > ".join(path).lower()
        in_text = [term for term in terms if pattern(term).search(text)]
        self.held = frozenset([*in_text, *(term for term in terms if pattern(term).search(above))])
        self.heading = _focus(path[-1].lower(), terms) if path else 0.0
        title = hit.document.title.lower()
        self.in_title = frozenset(term for term in terms if pattern(term).search(title))
        self.together = _together(text, terms, frozenset(in_text))


def _focus(heading: str, terms: Sequence[str]) -> float:
    found = sum(1 for term in terms if pattern(term).search(heading))
    if not found:
        return 0.0
    return min(1.0, found / max(1, sum(1 for word in _WORD.findall(heading) if word not in STOP_WORDS)))


def _together(text: str, terms: Sequence[str], held: frozenset[str]) -> float:
    if len(terms) < 2:
        return 0.0
    near = sum(1 for one, other in pairwise(terms) if one in held and other in held and _are_near(text, one, other))
    return near / (len(terms) - 1)


def _are_near(text: str, one: str, other: str) -> bool:
    follower = pattern(other)
    for looks, match in enumerate(pattern(one).finditer(text)):
        if follower.search(text, match.end(), match.end() + _TOGETHER):
            return True
        if looks >= _LOOKS:
            break
    return False
