"""The fit finds the signal that tells what answers, and lets no signal count against a candidate."""

from __future__ import annotations

import tomllib

import numpy as np

from docgraph.retrieval.ranking import Signals
from evaluation.fitting import Pool, fit, written

NAMES = list(Signals.__slots__)


def _pools() -> list[Pool]:
    random = np.random.default_rng(7)
    pools = []
    for number in range(120):
        signals = random.random((20, len(NAMES)))
        right = np.zeros(20, dtype=bool)
        right[np.argmax(signals[:, 0] - signals[:, 1])] = True
        pools.append(Pool("one" if number % 4 else "other", signals, right))
    return pools


def test_the_telling_signal_weighs_most_and_none_is_below_zero() -> None:
    weights, spread = fit(_pools())
    counts = weights * spread
    assert counts[0] == counts.max() > 0.5
    assert counts[1] == 0.0
    assert (weights >= 0).all()


def test_what_is_written_is_what_the_product_reads() -> None:
    weights = np.arange(len(NAMES)) / 4
    read = tomllib.loads(written(weights, np.ones(len(NAMES)), {"sentence": 3}))["weights"]
    assert list(read) == NAMES
    assert list(read.values()) == list(weights)
