"""The order of candidates: what each signal says, and that the same candidates always stand in the same order."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from docgraph.retrieval.ranking import K, Signals, fitted, rank, signals_of
from docgraph.retrieval.validated import Candidate, Hit
from docgraph.stores.graph.views import DocumentView, Member, SectionText

NOTHING = Signals(*(0.0 for _ in Signals.__slots__))


def _hit(name: str, text: str, *, heading: str = "Notes", title: str = "Manual", cosine: float | None = None) -> Hit:
    document = DocumentView("d", "tag", 1, False, 1, title, "upload:///d.md", "text/markdown", {})
    section = SectionText(name, "d", "tag", (heading,), text, "hash", 0)
    return Hit(Candidate(name, "d", cosine=cosine), Member(name, 0, name, None, None), document, section)


def _signals(terms: list[str], **hits: Hit) -> dict[str, Signals]:
    dense = [name for name, hit in hits.items() if hit.candidate.cosine is not None]
    words = [name for name, hit in hits.items() if hit.candidate.cosine is None]
    return signals_of(hits, dense, words, terms)[0]


def test_every_signal_has_a_weight_and_none_counts_against_a_candidate() -> None:
    assert all(weight >= 0 for weight in astuple(fitted()))
    assert max(astuple(fitted())) > 0


def test_more_of_a_signal_never_puts_a_candidate_lower() -> None:
    hits = {name: _hit(name, "of a pool", cosine=0.5) for name in ("a", "b", "c")}
    before = rank(hits, ["a", "b", "c"], [], ["pool"]).ranking
    hits["c"] = _hit("c", "of a pool", heading="Pool", title="The pool", cosine=0.9)
    after = rank(hits, ["a", "b", "c"], [], ["pool"]).ranking
    assert dict(after)["c"] > dict(before)["c"]


def test_equal_candidates_stand_in_the_order_of_their_ids() -> None:
    hits = {name: _hit(name, "nothing that was asked") for name in ("b", "c", "a")}
    assert [i for i, _ in rank(hits, [], [], ["pool"]).ranking] == ["a", "b", "c"]


def test_a_candidate_of_full_text_alone_is_taken_to_mean_as_little_as_the_last_of_the_dense_arm() -> None:
    found = _signals(["pool"], a=_hit("a", "x", cosine=0.8), b=_hit("b", "x", cosine=0.3), c=_hit("c", "pool"))
    assert (found["c"].cosine, found["c"].meaning_rank) == (0.3, 0.0)
    assert (found["a"].meaning_rank, found["c"].words_rank) == (1 / (K + 1), 1 / (K + 1))


def test_a_rare_term_covers_more_of_the_question_than_a_common_one() -> None:
    found = _signals(
        ["pool", "zebra"], a=_hit("a", "pool"), b=_hit("b", "pool"), c=_hit("c", "zebra"), d=_hit("d", "pool")
    )
    assert found["c"].coverage > found["a"].coverage > 0


def test_a_heading_counts_by_how_much_of_it_was_asked() -> None:
    found = _signals(
        ["pool"],
        a=_hit("a", "x", heading="The pool"),
        b=_hit("b", "x", heading="Pool of many waiting workers"),
        c=_hit("c", "x"),
    )
    assert found["a"].heading == 1.0
    assert found["a"].heading > found["b"].heading > found["c"].heading == 0.0


def test_neighbours_of_the_question_count_where_they_stand_together_in_its_order() -> None:
    found = _signals(
        ["connection", "pool"],
        a=_hit("a", "the connection of the pool"),
        b=_hit("b", "the pool has one more connection"),
        c=_hit("c", "a connection " + "word " * 20 + "pool"),
    )
    assert [found[i].together for i in "abc"] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(("terms", "counts"), [(["fs.readFile"], True), (["read", "file"], False)])
def test_the_rank_by_words_counts_more_for_one_identifier(terms: list[str], counts: bool) -> None:
    assert (_signals(terms, a=_hit("a", "fs.readFile"))["a"].identifier_rank > 0) is counts


def test_the_score_is_the_weighted_sum_of_the_signals() -> None:
    hits = {"a": _hit("a", "pool", cosine=0.5)}
    only = replace(NOTHING, cosine=2.0, meaning_rank=6.0)
    assert dict(rank(hits, ["a"], [], ["pool"], only).ranking)["a"] == pytest.approx(2.0)


def test_which_terms_a_section_holds_is_said_once_for_all_that_need_it() -> None:
    found = rank({"a": _hit("a", "many pools", heading="Zebra")}, [], ["a"], ["pool", "zebra", "gate"])
    assert found.held["a"] == {"pool", "zebra"}
    assert set(found.term_weights) == {"pool", "zebra", "gate"}
    assert found.term_weights["gate"] == 2.0
