"""Terms in texts: inflections, identifiers, rarity, and the excerpt that is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgraph.retrieval.matching import SNIPPET_LENGTH, is_identifier, matched, query_terms, rarity, share, snippet


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("retry", "It retries twice."),
        ("retries", "One retry is enough."),
        ("install", "while installing the package"),
        ("configuration", "configure the pool"),
        ("running", "run it"),
        ("max_active_runs", "set maxActiveRuns to 4"),
        ("maxActiveRuns", "the option max_active_runs"),
        ("fs.readFile", "call fs.readFile(path)"),
        ("指南", "安装指南"),
    ],
)
def test_a_term_is_found_in_another_form(term: str, text: str) -> None:
    assert matched([term], text) == [term]


@pytest.mark.parametrize(
    ("term", "text"), [("run", "the trunk of a tree"), ("port", "an important report"), ("cat", "concatenate")]
)
def test_a_term_is_not_found_inside_another_word(term: str, text: str) -> None:
    assert matched([term], text) == []


def test_a_term_that_no_text_holds_weighs_most_and_one_in_every_text_least() -> None:
    texts = ["the pool", "the queue", "the gate"]
    found = rarity({term: sum(bool(matched([term], text)) for text in texts) for term in ("the", "zebra", "pool")}, 3)
    assert 1.0 <= found["the"] < found["pool"] < found["zebra"] == pytest.approx(2.0)


def test_coverage_falls_most_when_a_rare_term_is_missing() -> None:
    term_weights = {"common": 1.0, "rare": 2.0}
    assert share(term_weights, matched(list(term_weights), "common and rare")) == 1.0
    assert share(term_weights, matched(list(term_weights), "rare")) > share(
        term_weights, matched(list(term_weights), "common")
    )
    assert share({}, matched([], "anything")) == 0.0


def test_the_snippet_shows_the_place_with_most_terms() -> None:
    text = "filler " * 200 + "The gate closes when the store is overloaded. " + "filler " * 200
    shown = snippet(text, {"gate": 1.5, "overloaded": 1.5})
    assert "gate closes when the store is overloaded" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")


def test_a_short_text_is_shown_whole_with_its_white_space_collapsed() -> None:
    assert snippet("one\n\n  two\tthree", {"two": 1.0}) == "one two three"


@given(st.text(max_size=2000), st.lists(st.text(max_size=20), max_size=4))
def test_a_snippet_is_never_longer_than_promised_whatever_the_text(text: str, words: list[str]) -> None:
    terms = query_terms(" ".join(words))
    assert len(snippet(text, dict.fromkeys(terms, 1.0))) <= SNIPPET_LENGTH


@pytest.mark.parametrize(
    "query", ["fs.readFile", "readFile", "--dry-run", "max_active_runs", "E1101", "What is max_active_runs?"]
)
def test_one_name_is_an_identifier(query: str) -> None:
    assert is_identifier(query_terms(query))


@pytest.mark.parametrize("query", ["gate", "retry limit", "fs.readFile of a pipe", "???", "安装"])
def test_words_are_no_identifier(query: str) -> None:
    assert not is_identifier(query_terms(query))
