"""The decisions of the validated read: what is gone, and whether the graph stood still."""

from __future__ import annotations

import neo4j
from docgraph.retrieval.validated import Candidate, Candidates, dropped
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.graph.views import DocumentView, Member


def view(document: str, fence: int, *members: str, deleted: bool = False) -> DocumentView:
    placed = {m: Member(m, i, "", None, None) for i, m in enumerate(members)}
    return DocumentView(document, "docs", fence, deleted, len(members), "", "", "", placed)


def test_a_member_is_never_dropped() -> None:
    assert dropped({"s": Candidate("s", "d", fence=1)}, {"d": view("d", 5, "s")}) == []


def test_a_point_that_a_commit_left_behind_is_dropped() -> None:
    old = Candidate("old", "d", fence=4)
    assert dropped({"old": old}, {"d": view("d", 5, "new")}) == [old]


def test_a_staged_point_never_existed_and_so_is_not_dropped() -> None:
    assert dropped({"next": Candidate("next", "d", fence=6)}, {"d": view("d", 5, "now")}) == []


def test_a_full_text_hit_without_membership_is_dropped_whatever_its_point_says() -> None:
    hit = Candidate("s", "d", fence=9, bm25=1.0)
    assert dropped({"s": hit}, {"d": view("d", 5)}) == [hit]


def test_the_sections_of_a_deleted_document_are_dropped() -> None:
    left = Candidate("s", "d", fence=3)
    assert dropped({"s": left}, {"d": view("d", 4, deleted=True)}) == [left]


def bookmarks(*values: str) -> neo4j.Bookmarks:
    return neo4j.Bookmarks.from_raw_values(values)


def sent(stillness: Stillness) -> frozenset[str]:
    assert stillness.bookmarks is not None
    return stillness.bookmarks.raw_values


def test_a_database_that_gives_one_bookmark_stood_still() -> None:
    stillness = Stillness()
    stillness.saw(bookmarks("FB:1"))
    stillness.begin()
    stillness.saw(bookmarks("FB:1"))
    stillness.saw(bookmarks("FB:1"))
    assert stillness.held


def test_a_database_that_gives_another_bookmark_did_not_even_if_the_first_comes_back() -> None:
    stillness = Stillness()
    stillness.saw(bookmarks("FB:1"))
    stillness.begin()
    stillness.saw(bookmarks("FB:2"))
    stillness.saw(bookmarks("FB:1"))
    assert not stillness.held


def test_a_new_row_begins_where_the_last_one_ended() -> None:
    stillness = Stillness()
    stillness.saw(bookmarks("FB:1"))
    stillness.saw(bookmarks("FB:2"))
    stillness.begin()
    stillness.saw(bookmarks("FB:2"))
    assert stillness.held
    stillness.saw(bookmarks("FB:3"))
    assert not stillness.held


def test_a_chained_statement_waits_for_what_the_one_before_it_saw() -> None:
    stillness = Stillness()
    for value in ("FB:1", "FB:2", "FB:3"):
        stillness.saw(bookmarks(value))
        assert sent(stillness) == {value}


def test_a_row_that_is_not_chained_waits_for_where_it_began_and_the_next_for_all_that_it_saw() -> None:
    stillness = Stillness(chained=False)
    assert stillness.bookmarks is None
    stillness.saw(bookmarks("FB:1"))
    stillness.begin()
    for value in ("FB:1", "FB:2", "FB:3"):
        stillness.saw(bookmarks(value))
        assert sent(stillness) == {"FB:1"}
    assert not stillness.held
    stillness.begin()
    # Members of a cluster may be at different places: the last bookmark is not the highest for certain.
    assert sent(stillness) >= {"FB:2", "FB:3"}
    stillness.saw(bookmarks("FB:4"))
    stillness.begin()
    assert sent(stillness) == {"FB:4"}
    stillness.saw(bookmarks("FB:4"))
    assert stillness.held


def test_nothing_is_known_before_the_first_statement() -> None:
    assert not Stillness().held


def test_a_candidate_of_both_arms_keeps_the_values_of_both() -> None:
    both = Candidates((Candidate("s", "d", fence=3, cosine=0.5),), (Candidate("s", "d", bm25=2.0),)).all["s"]
    assert (both.fence, both.cosine, both.bm25) == (3, 0.5, 2.0)
