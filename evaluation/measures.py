"""Measures of one ranking against the places that answer, and of a score that tells two groups apart. Pure.

A *place* is a set of sections any of which counts as having found it (a definition that was cut into three parts is one
place). Further sections of a place that was found already take up ranks and count for nothing.

SciPy and scikit-learn take seconds to import, so each is imported where it counts something.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Place = Collection[str]

#: Resamples of a bootstrap interval, how many are drawn at once, and the seed that makes it the same each time.
RESAMPLES = 10_000
_BATCH = 500
_SEED = 20_240_501


def place_ranks(ranking: Sequence[Collection[str]], places: Sequence[Place]) -> list[int | None]:
    """Return for each place the rank (from 1) of the first result that shows one of its sections, or None.

    A result is the set of sections that it shows: one, or several where something stands beside a hit.
    """
    first: dict[str, int] = {}
    for rank, shown in enumerate(ranking, start=1):
        for section in shown:
            first.setdefault(section, rank)
    found = [[first[section] for section in place if section in first] for place in places]
    return [min(ranks) if ranks else None for ranks in found]


def recall(ranks: Sequence[int | None], k: int) -> float:
    """Return the share of the places that are among the first k results.

    Source: Manning, Raghavan, Schütze: Introduction to Information Retrieval, 2008, section 8.3.
    """
    return sum(1 for rank in ranks if rank is not None and rank <= k) / len(ranks)


def reciprocal_rank(ranks: Sequence[int | None], k: int) -> float:
    """Return 1 / rank of the first place found among the first k results, else 0; its mean is the MRR.

    Source: Voorhees: The TREC-8 Question Answering Track Report, 1999.
    """
    found = [rank for rank in ranks if rank is not None and rank <= k]
    return 1.0 / min(found) if found else 0.0


def ndcg(ranks: Sequence[int | None], k: int) -> float:
    """Return the normalised discounted cumulative gain at k, each place having gain 1: Σ 1/log2(1 + rank), over the best possible.

    Places that share a rank (one section that holds two of them) gain there both.
    Source: Järvelin, Kekäläinen: Cumulated Gain-Based Evaluation of IR Techniques, ACM TOIS 20(4), 2002, with the
    discount log2(1 + rank) of Burges et al., ICML 2005.
    """
    gained = sum(1.0 / math.log2(1 + rank) for rank in ranks if rank is not None and rank <= k)
    best = sum(1.0 / math.log2(1 + rank) for rank in range(1, min(len(ranks), k) + 1))
    return min(1.0, gained / best)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the 95 % interval of its bootstrap distribution."""

    mean: float
    low: float
    high: float


def paired_bootstrap(better: Vector, worse: Vector, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of `better - worse` over the same questions, with its 95 % percentile interval.

    The questions are drawn anew with replacement, each with both its figures.
    Source: Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13; for rankings: Sakai, SIGIR 2006.
    """
    from scipy import stats

    differences = np.asarray(better, dtype=np.float64) - np.asarray(worse, dtype=np.float64)
    found = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=resamples,
        batch=_BATCH,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    low, high = found.confidence_interval
    return Interval(float(differences.mean()), float(low), float(high))


def area_under_roc(positive: Vector, negative: Vector) -> float:
    """Return the probability that a random positive scores above a random negative, ties counting half.

    Source: Hanley, McNeil: The Meaning and Use of the Area under a ROC Curve, Radiology 143, 1982 (the Mann-Whitney U).
    """
    from sklearn import metrics

    is_positive = np.repeat([True, False], [len(positive), len(negative)])
    return float(metrics.roc_auc_score(is_positive, np.concatenate([positive, negative])))


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies in [low, high): how many, their mean confidence, and the share that were right."""

    low: float
    high: float
    count: int
    confidence: float
    share: float


def reliability(confidence: Vector, right: Vector, bins: int = 10) -> list[Bin]:
    """Cut the answers into `bins` of equal width by their confidence; empty ones are left out.

    Source: DeGroot, Fienberg: The Comparison and Evaluation of Forecasters, The Statistician 32, 1983.
    """
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            count=int(mine.sum()),
            confidence=float(confidence[mine].mean()),
            share=float(right[mine].mean()),
        )
        for number in range(bins)
        if (mine := index == number).any()
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean distance between confidence and share over the bins, weighted by their sizes.

    Source: Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    """
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.confidence - each.share) for each in bins) / total


def brier_score(confidence: Vector, right: Vector) -> float:
    """Return the mean squared distance between the confidence and what was so.

    Source: Brier: Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78, 1950.
    """
    from sklearn import metrics

    return float(metrics.brier_score_loss(right, confidence, pos_label=1))
