"""Asks the questions of a half: each arm alone, the ranking of 0.1.0 and the product's own, over the same vectors of the questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from docgraph.retrieval.arms import POOL
from docgraph.retrieval.search import ask_many
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph import lucene
from evaluation import released
from evaluation.asking import DEPTH
from evaluation.sentences.questions import Asked

#: Questions of one statement.
_AT_ONCE = 25
#: What is compared, in the order of the table.
SYSTEMS = ("meaning alone", "words alone", "hybrid, 0.1.0", "hybrid")


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with the sections that each system ranked, best first."""

    question: Asked
    rankings: dict[str, list[str]]
    confidence: float


def ask_all(runtime: Runtime, tag: str, questions: Sequence[Asked], say: Callable[[str], None]) -> list[Answered]:
    """Ask every question; shows how far it is."""
    embedder = runtime.embedder.serving(runtime.embedding_version.name)
    answered: list[Answered] = []
    began = time.monotonic()
    for start in range(0, len(questions), _AT_ONCE):
        batch = questions[start : start + _AT_ONCE]
        texts = [question.text for question in batch]
        vectors = embedder.embed(texts)
        before = runtime.graph.fulltext_clauses(tag, [released.clause(text) for text in texts], POOL)
        now = runtime.graph.fulltext_clauses(tag, [lucene.clause(text) for text in texts], POOL)
        answers = ask_many(runtime.graph, runtime.vectors, embedder, texts, tag, limit=DEPTH)
        for question, vector, old, new, answer in zip(batch, vectors, before, now, answers, strict=True):
            points = runtime.vectors.nearest(runtime.embedding_version, tag, vector.tolist(), POOL)
            dense = _ordered((point.section_id, point.score) for point in points)
            rankings = {
                "meaning alone": dense,
                "words alone": _ordered((hit.section_id, hit.score) for hit in new),
                "hybrid, 0.1.0": released.ranking(
                    question.text, dense, _ordered((hit.section_id, hit.score) for hit in old)
                ),
                "hybrid": [evidence.section_id for evidence in answer.answer.evidence],
            }
            answered.append(Answered(question, rankings, answer.answer.confidence))
        rate = len(answered) / (time.monotonic() - began)
        say(f"ask: {len(answered):,} of {len(questions):,} questions, {rate:.0f} a second")
    return answered


def _ordered(scored: Iterable[tuple[str, float]]) -> list[str]:
    return [section for section, _ in sorted(scored, key=lambda pair: (-pair[1], pair[0]))]
