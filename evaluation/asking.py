"""Asks every question: each arm alone, and the search that people get. Keeps what came back; judges nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docgraph.retrieval import search
from docgraph.retrieval.arms import POOL
from docgraph.retrieval.confidence import Features
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph import lucene
from evaluation import released
from evaluation.corpus import TAG
from evaluation.questions import Question

#: Results that are judged, of every ranking.
DEPTH = 20
_AT_ONCE = 4
_SAY_EVERY = 250


@dataclass(frozen=True, slots=True)
class Asked:
    """What came back for a question, best first: ids with scores of each arm, and the search's ids with what stood beside each."""

    question: Question
    dense: tuple[tuple[str, float], ...]
    fulltext: tuple[tuple[str, float], ...]
    released: tuple[str, ...]
    hybrid: tuple[str, ...]
    beside: tuple[tuple[str, ...], ...]
    confidence: float
    features: Features | None
    seconds: float

    def ranking(self, system: str) -> list[frozenset[str]]:
        """Return what each result of a system shows: one section, for `hybrid + graph` also what is offered beside it."""
        if system == "hybrid + graph":
            return [frozenset({hit, *near}) for hit, near in zip(self.hybrid, self.beside, strict=True)]
        ids = {
            "dense": [i for i, _ in self.dense],
            "full text": [i for i, _ in self.fulltext],
            "hybrid, 0.1.0": self.released,
            "hybrid": self.hybrid,
        }[system]
        return [frozenset({i}) for i in ids[:DEPTH]]


#: What is compared, in the order of the table.
SYSTEMS = ("dense", "full text", "hybrid, 0.1.0", "hybrid", "hybrid + graph")


def ask_all(runtime: Runtime, questions: Sequence[Question], say: Callable[[str], None]) -> list[Asked]:
    """Ask every question; shows how far it is."""
    embedder = runtime.embedder.serving(runtime.embedding_version.name)
    vectors = embedder.embed([question.text for question in questions])
    began = time.monotonic()
    answers: list[Asked] = []
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="asking") as pool:
        for answer in pool.map(lambda pair: ask(runtime, *pair), zip(questions, vectors, strict=True)):
            answers.append(answer)
            if len(answers) % _SAY_EVERY == 0 or len(answers) == len(questions):
                rate = len(answers) / (time.monotonic() - began)
                left = (len(questions) - len(answers)) / rate
                say(f"ask: {len(answers):,} of {len(questions):,} questions, {rate:.0f} a second, {left:.0f} s left")
    return answers


def ask(runtime: Runtime, question: Question, vector: NDArray[np.float32]) -> Asked:
    """Ask one question: both arms as the search asks them, then the search itself, which embeds it anew."""
    points = runtime.vectors.nearest(runtime.embedding_version, TAG, vector.tolist(), POOL)
    hits, before = runtime.graph.fulltext_clauses(
        TAG, [lucene.clause(question.text), released.clause(question.text)], POOL
    )
    answer = search(runtime.graph, runtime.vectors, runtime.embedder, question.text, TAG, limit=DEPTH)
    dense = _best_first((p.section_id, p.score) for p in points)
    words = _best_first((h.section_id, h.score) for h in before)
    return Asked(
        question=question,
        dense=dense,
        fulltext=_best_first((h.section_id, h.score) for h in hits),
        released=tuple(released.ranking(question.text, [i for i, _ in dense], [i for i, _ in words])),
        hybrid=tuple(evidence.section_id for evidence in answer.evidence),
        beside=tuple(tuple(r.section_id for r in evidence.related if r.section_id) for evidence in answer.evidence),
        confidence=answer.confidence,
        features=answer.features,
        seconds=answer.timings["total"],
    )


def _best_first(scored: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(scored, key=lambda pair: (-pair[1], pair[0])))
