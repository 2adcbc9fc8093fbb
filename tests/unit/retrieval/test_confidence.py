"""The confidence of an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgraph.retrieval.confidence import Features, confidence

share = st.floats(min_value=0, max_value=1)
ANSWERED = Features(cosine=0.6, coverage=0.9, agreement=0.6)
FOREIGN = Features(cosine=0.15, coverage=0.15, agreement=0.2)


def test_no_evidence_is_no_confidence() -> None:
    assert confidence(None) == 0.0


def test_a_question_that_the_corpus_answers_scores_clearly_above_a_foreign_one() -> None:
    assert confidence(ANSWERED) > 0.7
    assert confidence(FOREIGN) < 0.2


@given(st.floats(min_value=-1, max_value=1), share, share)
def test_confidence_is_always_between_0_and_1(cosine: float, coverage: float, agreement: float) -> None:
    assert 0.0 <= confidence(Features(cosine, coverage, agreement)) <= 1.0


@pytest.mark.parametrize("feature", ["cosine", "coverage", "agreement"])
def test_more_of_what_speaks_for_an_answer_never_lowers_it(feature: str) -> None:
    values = [confidence(replace(ANSWERED, **{feature: value / 10})) for value in range(11)]
    assert values == sorted(values)
