"""The command behind `make fit-ranking`: fit the weights of `docgraph.retrieval.ranking` on what is tuned on, and write them down.

A mix of kinds, each with the same say: questions in sentences and titles of the tuning projects, and the calibration half of the
Python manual's index. Nothing that figures are published of is asked.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from importlib import resources
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from docgraph.retrieval.arms import POOL, Arms, Filters, Stopwatch
from docgraph.retrieval.matching import query_terms
from docgraph.retrieval.ranking import Signals, signals_of
from docgraph.retrieval.validated import ValidatedRead, validated_read
from docgraph.runtime.connections import Runtime
from docgraph_local.paths import repository
from evaluation import book_index, corpus, manual, questions
from evaluation.measures import Vector
from evaluation.questions import Question
from evaluation.sentences.questions import Kind, half
from evaluation.stores import console, running

#: Questions of a kind that are asked, chosen by hash; and of one statement.
MOST_OF_A_KIND = 150
_AT_ONCE = 25
#: Strength of the pull towards small weights, on signals of unit variance: without it a signal that repeats another gets a weight of
#: the opposite sign.
RIDGE = 0.05

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """A question of a kind and the sections that answer it."""

    text: str
    kind: str
    answers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates of a question: a row of signals each, and whether it answers."""

    kind: str
    signals: NDArray[np.float64]
    right: NDArray[np.bool_]


@app.command()
def main(keep: bool = False) -> None:
    """Fit the weights, print how much each counts, and write `include/docgraph/retrieval/ranking.toml`."""
    with running(keep=keep, clean=False) as settings, Runtime(settings) as runtime:
        pools = [*_of_sentences(runtime), *_of_manual(runtime, settings.home / "data" / "manual")]
    used = [pool for pool in pools if pool.right.any() and not pool.right.all()]
    weights, spread = fit(used)
    target = Path(str(resources.files("docgraph.retrieval").joinpath("ranking.toml")))
    target.write_text(written(weights, spread, Counter(pool.kind for pool in used)), encoding="utf-8")
    console.print(target.read_text(encoding="utf-8"), markup=False)


def _of_sentences(runtime: Runtime) -> list[Pool]:
    tuning = half(runtime, repository() / ".docgraph" / "eval-formats", held_out=False)
    corpus.ingest(runtime, tuning.tag, tuning.files, tuning.documents, console.print)
    kinds = {Kind.QUESTION: "sentence", Kind.PROBLEM: "sentence", Kind.TITLE: "title"}
    return ask(runtime, tuning.tag, [Sample(q.text, kinds[q.kind], q.place) for q in tuning.questions], console.print)


def _of_manual(runtime: Runtime, folder: Path) -> list[Pool]:
    sources = manual.fetch(folder, console.print)
    documents = list(manual.documents(sources))
    pages = corpus.parsed(documents, runtime)
    chosen = questions.choose(book_index.general_index(sources.manual), pages, [], [])
    corpus.ingest(runtime, corpus.TAG, corpus.files(documents), [page.document for page in pages], console.print)
    return ask(runtime, corpus.TAG, [_sample(q) for q in chosen if _is_tuned_on(q)], console.print)


def _is_tuned_on(question: Question) -> bool:
    return question.kind.is_answerable and not question.held_out


def _sample(question: Question) -> Sample:
    return Sample(question.text, str(question.kind), frozenset().union(*question.places))


def ask(runtime: Runtime, tag: str, samples: Sequence[Sample], say: Callable[[str], None]) -> list[Pool]:
    """Ask both arms as the search does, and return what is known about each candidate."""
    by_kind: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: hashlib.sha256(sample.text.encode()).digest()):
        by_kind[sample.kind].append(sample)
    chosen = [sample for kind in by_kind.values() for sample in kind[:MOST_OF_A_KIND]]
    embedder = runtime.embedder.serving(runtime.embedding_version.name)
    pools: list[Pool] = []
    for start in range(0, len(chosen), _AT_ONCE):
        batch = chosen[start : start + _AT_ONCE]
        texts = [sample.text for sample in batch]
        arms = Arms(runtime.graph, runtime.vectors, embedder, tag, texts, POOL, Filters(), None, Stopwatch())
        read: ValidatedRead[None] = validated_read(runtime.graph, tag, arms.ask)
        for sample, candidates in zip(batch, arms.asked, strict=True):
            own = candidates.all
            hits = {i: replace(read.hits[i], candidate=own[i]) for i in own if i in read.hits}
            dense = [c.section_id for c in candidates.dense if c.section_id in hits]
            words = [c.section_id for c in candidates.fulltext if c.section_id in hits]
            signals, _, _ = signals_of(hits, dense, words, query_terms(sample.text))
            pools.append(_pool(sample.kind, signals, sample.answers))
        say(f"ask: {len(pools):,} of {len(chosen):,} questions of {tag}")
    return pools


def _pool(kind: str, signals: Mapping[str, Signals], answers: Collection[str]) -> Pool:
    rows = np.array([astuple(each) for each in signals.values()], dtype=np.float64)
    return Pool(kind, rows.reshape(len(signals), len(fields(Signals))), np.array([i in answers for i in signals]))


def fit(pools: Sequence[Pool]) -> tuple[Vector, Vector]:
    """Return a weight for each signal, and how far the signals of candidates spread (their standard deviations).

    The weights make it likeliest that a candidate drawn with probability proportional to e^score is one that answers; each kind
    counts the same, however many questions it has. No weight is below 0: more of a signal must never lower a candidate.
    Source: Cao, Qin, Liu, Tsai, Li: Learning to Rank: From Pairwise Approach to Listwise Approach, ICML 2007 (ListNet's top-one
    probability, against the candidates that answer).
    """
    from scipy import optimize

    times = Counter(pool.kind for pool in pools)
    spread = np.concatenate([pool.signals for pool in pools]).std(axis=0) + 1e-9

    def loss(weights: Vector) -> tuple[float, Vector]:
        total, slope = RIDGE * float(weights @ weights) / 2, RIDGE * weights
        for pool in pools:
            scaled = pool.signals / spread
            scores = scaled @ weights
            chances = np.exp(scores - scores.max())
            chances /= chances.sum()
            right = chances * pool.right
            share = 1.0 / (times[pool.kind] * len(times))
            total -= share * float(np.log(right.sum() + 1e-12))
            slope = slope - share * ((right / (right.sum() + 1e-12) - chances) @ scaled)
        return total, slope

    start = np.zeros(len(spread))
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
    return np.asarray(found.x / spread), spread


def written(weights: Vector, spread: Vector, times: Mapping[str, int]) -> str:
    """Return the weights as the product reads them, with how they came to be and how much each counts."""
    asked = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(times.items()))
    lines = [
        "# Weights of the signals by which candidates are ordered (docgraph.retrieval.ranking).",
        "# Made by: make fit-ranking",
        f"# Fitted on {asked}; each kind counts the same.",
        "# Behind each weight: times the signal's standard deviation, which is how much it counts.",
        "",
        "[weights]",
    ]
    for field, weight, deviation in zip(fields(Signals), weights, spread, strict=True):
        lines.append(f"{field.name} = {weight:.2f}  # {weight * deviation:.2f}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    app()
