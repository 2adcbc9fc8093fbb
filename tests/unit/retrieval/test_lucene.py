"""What a person types becomes a Lucene query that can't break, widen or leave its dataset."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from docgraph.stores.graph import lucene

# Text that leans towards what Lucene, Cypher and tokenizers read as syntax.
_SYNTAX = st.sampled_from(
    [*'+-!(){}[]^"~*?:\\/&|<>=`$', "AND", "OR", "NOT", "TO", "tag_token", "&&", "||", "*:*", "\x00", "²"]
)
hostile = st.lists(st.one_of(_SYNTAX, st.text(max_size=12)), max_size=40).map(" ".join) | st.text(max_size=200)

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_CLAUSE = re.compile(
    rf"(?P<field>heading_text|text|identifiers):\((?P<terms>{_QUOTED}(?: {_QUOTED})*)\)(?:\^[0-9.]+)?", re.DOTALL
)


@given(hostile)
@example('") OR tag_token:("t646f6373')
@example("\\")
@example('"\\"')
@settings(max_examples=500)
def test_a_clause_is_nothing_but_quoted_terms_against_named_fields(text: str) -> None:
    made = lucene.clause(text)
    if made is None:
        return
    rest = _CLAUSE.sub("", made)
    assert rest.strip() == ""
    assert "tag_token" not in {match["field"] for match in _CLAUSE.finditer(made)}


@given(hostile)
def test_a_query_always_names_its_dataset_and_requires_a_term(text: str) -> None:
    made = lucene.clause(text)
    if made is None:
        return
    query = lucene.restricted("docs", made)
    assert query.startswith('+tag_token:"t646f6373"^0 +(')
    assert query.endswith(")")


@given(hostile)
def test_every_term_has_a_letter_or_a_decimal_digit(text: str) -> None:
    for term in lucene.terms(text):
        assert any(c.isalpha() or c.isdecimal() for c in term)


@pytest.mark.parametrize("text", ["", "   ", "???", "*", "&& || !", "--", "²", "\ud800", "()", '""'])
def test_text_without_a_letter_or_digit_searches_for_nothing(text: str) -> None:
    assert lucene.clause(text) is None


def test_identifiers_are_looked_for_whole_and_in_their_parts() -> None:
    made = lucene.clause("set max_active_runs or fs.readFile")
    assert made is not None
    assert 'text:("set" "max_active_runs" "fs.readFile")' in made
    assert 'identifiers:("max" "active" "runs" "fs" "readfile" "read" "file")' in made


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("maxActiveRuns", ["max", "active", "runs"]),
        ("HTTPServer", ["http", "server"]),
        ("max_active-runs.now", ["max", "active", "runs", "now"]),
        ("plain", []),
        ("HTTP", []),
    ],
)
def test_parts_of_an_identifier(term: str, expected: list[str]) -> None:
    assert lucene.parts(term) == expected


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("json.JSONEncoder.encode", ["json", "jsonencoder", "encode"]),
        ("airflow.max_active_runs", ["airflow", "max_active_runs"]),
        ("skip-serve-logs", ["skip", "serve", "logs"]),
        ("max_active_runs", []),
    ],
)
def test_names_that_an_identifier_consists_of(term: str, expected: list[str]) -> None:
    assert lucene.names(term) == expected


def test_words_of_grammar_are_left_out_where_others_remain() -> None:
    assert lucene.terms("How do I set the retry limit?") == ["set", "retry", "limit"]
    assert lucene.terms("to be or not to be") == ["to", "be", "or", "not"]


def test_text_without_spaces_between_words_is_searched_by_pairs_of_characters() -> None:
    assert lucene.terms("安装指南") == ["安装", "装指", "指南"]


@given(st.text(min_size=2000, max_size=4000))
@settings(max_examples=30)
def test_a_query_never_has_more_tokens_than_lucene_has_clauses(text: str) -> None:
    made = lucene.clause(text)
    if made is None:
        return
    tokens = sum(
        lucene._tokens(term)
        for match in _CLAUSE.finditer(made)
        for term in re.findall(r'"((?:[^"\\]|\\.)*)"', match["terms"])
    )
    assert tokens < 1024


def test_the_number_of_terms_is_capped() -> None:
    assert len(lucene.terms(" ".join(f"word{i}" for i in range(2000)))) == lucene.MAX_TERMS


@pytest.mark.parametrize("word", ["पासवर्ड", "การติดตั้ง", "मैं", "বাংলা", "q̃uo"])
def test_marks_belong_to_their_letters(word: str) -> None:
    assert lucene.terms(f"{word}, {word}") == [word]
    assert (lucene.names(word), lucene.parts(word), lucene.is_word(word)) == ([], [], True)
    assert lucene.names(f"{word}.get") == [word, "get"]
    assert not lucene.is_word(f"{word}.get")


def test_words_count_less_among_the_parts_of_identifiers_than_identifiers_do() -> None:
    made = lucene.clause("why does json.JSONEncoder skip a value?") or ""
    assert 'identifiers:("json.JSONEncoder") ' in made
    assert 'identifiers:("skip" "value")^0.3' in made
    assert 'identifiers:("skip" "value")^0.3' in (lucene.clause("skip value") or "")
    assert "^0.3" not in (lucene.clause("E1101") or "")
    assert 'identifiers:("close") identifiers:("method")^0.3' in (lucene.clause("close() method") or "")
