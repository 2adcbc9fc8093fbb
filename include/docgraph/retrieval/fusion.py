"""Reciprocal rank fusion: two ranked lists become one without comparing their scores. Pure."""

from __future__ import annotations

from collections.abc import Sequence

#: Damps the lead of first places; the value of the paper.
K = 60


def reciprocal_rank_fusion(*rankings: Sequence[str], k: int = K) -> list[tuple[str, float]]:
    """Fuse ranked lists of ids, best first: score(d) = Σ 1 / (k + rank of d in the list), ranks from 1.

    Equal scores stand in the order of their ids, so the same lists give the same answer on every machine.
    Source: Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
    Methods, SIGIR 2009.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
