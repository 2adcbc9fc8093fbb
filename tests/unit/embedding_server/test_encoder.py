"""How a batch is cut into passes through the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from embedding_server.encoder import TOKENS_PER_PASS, in_passes, normalised, passes

LENGTHS = st.lists(st.integers(min_value=1, max_value=600), min_size=1, max_size=80)


@given(LENGTHS)
def test_every_text_is_in_one_pass_and_none_is_longer_than_it_may_be(lengths: list[int]) -> None:
    cuts = list(passes(lengths))
    assert sorted(position for cut in cuts for position in cut) == list(range(len(lengths)))
    for cut in cuts:
        padded = len(cut) * max(lengths[i] for i in cut)
        assert len(cut) == 1 or padded <= TOKENS_PER_PASS
        assert padded - sum(lengths[i] for i in cut) <= 0.2 * padded


def test_texts_of_one_length_fill_their_passes() -> None:
    assert [len(cut) for cut in passes([128] * 20)] == [8, 8, 4]


@given(LENGTHS)
def test_vectors_come_back_in_the_order_of_the_texts(lengths: list[int]) -> None:
    def numbered(batch: Sequence[list[int]]) -> NDArray[np.float32]:
        return np.array([[ids[0], len(ids)] for ids in batch], dtype=np.float32)

    vectors = in_passes([[number] * length for number, length in enumerate(lengths)], numbered)
    assert vectors.tolist() == [[number, length] for number, length in enumerate(lengths)]


def test_vectors_of_any_length_become_unit_vectors() -> None:
    vectors = normalised(np.array([[3.0, 4.0], [1e-6, 0.0]], dtype=np.float32))
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6
    assert vectors.dtype == np.float32
