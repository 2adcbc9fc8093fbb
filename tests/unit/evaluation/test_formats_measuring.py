"""What is missing in a reader's answer, and what should not be in it, shows in its score."""

from __future__ import annotations

from dataclasses import replace

from evaluation.formats.measuring import Case, Score, Truth, measure

PAGE = (
    b"<html><nav>one two three four five</nav><main><h1 id=a>A</h1><p>Some words.</p><pre>x\n  y</pre>"
    b"<h2 id=b>B</h2><p>More.</p></main></html>"
)
TRUTH = Truth(
    ((1, "A"), (2, "B")),
    ("x\n  y  ",),
    "A Some words. x y B More.",
    "one two three four five",
    (frozenset({"a"}), frozenset({"b", "c"})),
)


def score_of(truth: Truth) -> Score:
    return measure([Case("html", "pages", "page.html", PAGE, truth)])


def test_a_document_that_is_read_right_has_full_marks() -> None:
    score = score_of(TRUTH)
    assert (score.headings, score.levels, score.code, score.anchors) == ((2, 2), (2, 2), (1, 1), (2, 2))
    assert score.words == (7, 7)
    assert score.frame == (0, 2)
    assert score.misses == []
    assert score.seconds > 0
    assert score.peak_bytes > 2**20


def test_every_kind_of_miss_is_counted_and_named() -> None:
    score = score_of(
        replace(
            TRUTH,
            headings=((1, "A"), (3, "B"), (2, "C")),
            code=("x\n y",),
            text="A gone",
            frame="A Some words x",
            anchors=(frozenset({"z"}), frozenset({"b"}), frozenset()),
        )
    )
    assert (score.headings, score.levels, score.code, score.anchors) == ((2, 3), (1, 3), (0, 1), (1, 3))
    assert score.words == (1, 2)
    assert score.frame == (1, 1)
    assert len(score.misses) == 5


def test_code_is_compared_by_line_where_blocks_are_cut_elsewhere() -> None:
    assert score_of(replace(TRUTH, code=("x", "", "  y"), by_line=True)).code == (2, 2)
