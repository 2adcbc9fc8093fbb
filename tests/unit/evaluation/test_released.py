"""Reciprocal rank fusion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.released import K, reciprocal_rank_fusion

rankings = st.lists(st.sampled_from("abcdefgh"), unique=True)


def test_what_both_arms_found_stands_before_what_one_found() -> None:
    assert [item for item, _ in reciprocal_rank_fusion(["a", "b"], ["b", "c"])] == ["b", "a", "c"]


def test_the_score_is_the_sum_over_the_lists_of_one_through_k_plus_rank() -> None:
    scores = dict(reciprocal_rank_fusion(["a", "b"], ["b"]))
    assert scores["b"] == pytest.approx(1 / (K + 2) + 1 / (K + 1))
    assert scores["a"] == pytest.approx(1 / (K + 1))


def test_a_list_counts_for_what_it_weighs() -> None:
    scores = dict(reciprocal_rank_fusion(["a"], ["b", "a"], weights=(1.0, 3.0)))
    assert scores["a"] == pytest.approx(1 / (K + 1) + 3 / (K + 2))
    assert scores["b"] == pytest.approx(3 / (K + 1))


def test_equal_scores_stand_in_the_order_of_their_ids() -> None:
    assert [item for item, _ in reciprocal_rank_fusion(["z"], ["a"])] == ["a", "z"]


@given(rankings, rankings)
def test_the_fused_list_has_every_item_once_and_does_not_depend_on_the_order_of_the_arms(
    a: list[str], b: list[str]
) -> None:
    fused = reciprocal_rank_fusion(a, b)
    assert sorted(item for item, _ in fused) == sorted(set(a) | set(b))
    assert [item for item, _ in fused] == [item for item, _ in reciprocal_rank_fusion(b, a)]
