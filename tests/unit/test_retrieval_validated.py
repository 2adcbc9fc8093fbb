"""The decisions of the validated read: what a commit took away, and when a join stands."""

from __future__ import annotations

from docgraph.retrieval.validated import Candidate, Candidates, dropped, is_settled
from docgraph.stores.graph.reading import DocumentView, Member


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


def test_a_join_that_dropped_nothing_stands() -> None:
    assert is_settled([], {}, {})


def test_a_join_that_dropped_something_does_not_stand_the_first_time() -> None:
    assert not is_settled([Candidate("s", "d", fence=1)], {"d": view("d", 5)}, {})


def test_a_join_stands_when_no_commit_happened_since_the_join_before() -> None:
    assert is_settled([Candidate("s", "d", fence=1)], {"d": view("d", 5)}, {"d": 5})


def test_a_join_does_not_stand_when_the_document_was_committed_again() -> None:
    assert not is_settled([Candidate("s", "d", fence=1)], {"d": view("d", 6)}, {"d": 5})


def test_a_candidate_of_both_arms_keeps_the_values_of_both() -> None:
    both = Candidates((Candidate("s", "d", fence=3, cosine=0.5),), (Candidate("s", "d", bm25=2.0),)).all["s"]
    assert (both.fence, both.cosine, both.bm25) == (3, 0.5, 2.0)
