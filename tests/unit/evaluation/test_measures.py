"""The measures give what one computes by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import calibration
from evaluation.measures import (
    area_under_roc,
    brier_score,
    expected_calibration_error,
    ndcg,
    paired_bootstrap,
    place_ranks,
    recall,
    reciprocal_rank,
    reliability,
)


def _shown(*ids: str) -> list[frozenset[str]]:
    return [frozenset({i}) for i in ids]


def test_a_place_has_the_rank_of_its_first_section() -> None:
    places = [{"b", "c"}, {"e"}, {"x"}]
    assert place_ranks(_shown("a", "c", "b", "d", "e"), places) == [2, 5, None]


def test_what_stands_beside_a_hit_has_the_hits_rank() -> None:
    assert place_ranks([frozenset({"a", "b"}), frozenset({"c"})], [{"b"}, {"c"}]) == [1, 2]


def test_recall_is_the_share_of_places_within_k() -> None:
    assert recall([2, 5, None, 11], 10) == 0.5
    assert recall([2, 5, None, 11], 2) == 0.25


def test_the_reciprocal_rank_is_that_of_the_first_place() -> None:
    assert reciprocal_rank([5, 2, None], 10) == 0.5
    assert reciprocal_rank([11, None], 10) == 0.0


def test_ndcg_is_discounted_by_the_logarithm_of_the_rank_and_normalised() -> None:
    # Two places at ranks 1 and 3 of 10: (1/log2 2 + 1/log2 4) / (1/log2 2 + 1/log2 3)
    assert ndcg([1, 3], 10) == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3)))
    assert ndcg([1, 2], 10) == pytest.approx(1.0)
    assert ndcg([None, 11], 10) == 0.0


def test_ndcg_is_one_where_all_that_fits_is_found_and_never_more() -> None:
    assert ndcg([1, 2, 3], 2) == pytest.approx(1.0)
    assert ndcg([1, 1], 10) == 1.0


def test_a_paired_difference_that_is_always_there_has_an_interval_above_zero() -> None:
    worse = np.array([0.0, 1.0, 0.0, 1.0] * 50)
    interval = paired_bootstrap(np.minimum(worse + 0.5, 1.0), worse, resamples=500)
    assert interval.mean == pytest.approx(0.25)
    assert 0 < interval.low < 0.25 < interval.high


def test_a_difference_by_chance_has_zero_in_its_interval_and_is_the_same_each_time() -> None:
    chance = np.random.default_rng(1)
    better, worse = chance.random(200), chance.random(200)
    interval = paired_bootstrap(better, worse, resamples=500)
    assert interval.low < 0 < interval.high
    assert paired_bootstrap(better, worse, resamples=500) == interval


def test_the_area_under_the_curve_counts_the_pairs_in_order_and_ties_by_half() -> None:
    # Of the 6 pairs, 4 are in order, 1 is tied.
    assert area_under_roc(np.array([0.9, 0.5, 0.4]), np.array([0.5, 0.3])) == pytest.approx(4.5 / 6)
    assert area_under_roc(np.array([1.0, 1.0]), np.array([0.0])) == 1.0
    assert area_under_roc(np.array([0.5]), np.array([0.5])) == 0.5


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
)
def test_the_area_under_the_curve_is_the_share_of_ordered_pairs(positive: list[int], negative: list[int]) -> None:
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    found = area_under_roc(np.array(positive, dtype=float), np.array(negative, dtype=float))
    assert found == pytest.approx(sum(pairs) / len(pairs))


def test_reliability_compares_confidence_with_what_was_so() -> None:
    bins = reliability(np.array([0.05, 0.15, 0.15, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert [(b.low, b.count, round(b.confidence, 2), b.share) for b in bins] == [
        (0.0, 1, 0.05, 0.0),
        (0.1, 2, 0.15, 0.5),
        (0.9, 1, 1.0, 1.0),
    ]
    assert expected_calibration_error(bins) == pytest.approx((0.05 + 2 * 0.35 + 0) / 4)
    assert brier_score(np.array([0.8, 0.2]), np.array([1.0, 0.0])) == pytest.approx(0.04)


def test_the_fit_finds_the_coefficients_that_made_the_data() -> None:
    chance = np.random.default_rng(7)
    features = chance.random((20_000, 2))
    right = (chance.random(20_000) < calibration.predict(features, np.array([-3.0, 4.0, 2.0]))).astype(float)
    found = calibration.fit(features, right)
    assert found == pytest.approx([-3.0, 4.0, 2.0], abs=0.4)


def test_the_fit_gives_no_feature_a_negative_weight() -> None:
    chance = np.random.default_rng(7)
    features = chance.random((2_000, 2))
    right = (features[:, 0] - features[:, 1] + 0.2 * chance.standard_normal(2_000) > 0).astype(float)
    _, first, second = calibration.fit(features, right)
    assert second == 0.0
    assert first > 0


def test_without_a_feature_that_helps_the_fit_is_the_share_of_what_was_right() -> None:
    features = np.array([[0.0], [0.0], [1.0], [1.0]])
    found = calibration.fit(features, np.array([1.0, 1.0, 1.0, 0.0]))
    assert calibration.predict(features, found) == pytest.approx(np.full(4, 0.75))


def test_the_fit_is_that_of_newton_s_method() -> None:
    """The penalty counts for each observation, and the intercept is not pulled."""
    chance = np.random.default_rng(11)
    features = chance.random((300, 2))
    right = (chance.random(300) < features[:, 0]).astype(float)
    design = np.column_stack([np.ones(300), features[:, :1]])
    penalty = np.diag([0.0, calibration.RIDGE * 300])
    beta = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ beta))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + penalty
        beta -= np.linalg.solve(hessian, design.T @ (p - right) + penalty @ beta)
    assert calibration.fit(features[:, :1], right) == pytest.approx(beta, abs=1e-6)
