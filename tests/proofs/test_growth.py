"""The time that a document takes grows as the document does, whatever is in it.

A slim version of `tests/proofs/growth.py`, which measures all kinds in three sizes: here some are compared with themselves at eight
times the size. A quadratic step takes up to 64 times as long; what is allowed is less than half of that, and the least of several
tries counts, so that a busy machine fails nothing.
"""

from __future__ import annotations

import pytest

from support.unit.costly_documents import KINDS, Kind, cost

SMALL, TIMES, TRIES = 8_000, 8, 4
ALLOWED = TIMES**1.5
_NAMES = """
    wide-table square-table wide-header-without-rows short-rows long-table wide-rows-below-a-long-header links-in-wide-rows
    list-nested list-on-one-line list-long quotes-nested quotes-lazy quote-and-list
    emphasis-open emphasis-nested brackets-open brackets-nested links-open links-of-equal-text
    definitions-used definition-without-an-end footnotes headings headings-equal-and-numbered heading-long comments-in-a-heading
    html-open-tags html-open-tags-in-block html-comments-open html-comments-open-lines html-headings-open html-scripts-open
    html-header-cells-open backticks-longer fences-open fence-long shell-prompts shortcode-and-spaces
    front-matter rules identifiers-glued word-long spaces mathematics-open entities
"""
_MARKDOWN = _NAMES.split()
_MDX = ["comments", "comments-on-one-line"]
KINDS_HERE = [
    kind for group, names in (("markdown", _MARKDOWN), ("mdx", _MDX)) for kind in KINDS[group] if kind.name in names
]


@pytest.mark.parametrize("kind", KINDS_HERE, ids=lambda kind: f"{kind.name}{kind.extension}")
def test_a_costly_document_takes_time_in_proportion_to_its_size(kind: Kind) -> None:
    smaller, larger = cost(kind, SMALL).seconds, cost(kind, SMALL * TIMES).seconds
    for _ in range(TRIES):
        if larger <= ALLOWED * smaller:
            return
        smaller = min(smaller, cost(kind, SMALL).seconds)
        larger = min(larger, cost(kind, SMALL * TIMES).seconds)
    assert larger <= ALLOWED * smaller, f"{TIMES} times the text takes {larger / smaller:.0f} times as long"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("start", ["# a\n\n", "---\n\n", "% a\n \n", "\n\n \n"])
def test_lines_that_look_like_comments_of_yaml_are_told_from_it_in_linear_time(start: str) -> None:
    kind = Kind("comments", ".md", lambda size: start * (size // len(start)) + "A word.\n")
    assert cost(kind, 8_000).seconds < 20


def test_the_kinds_here_are_those_that_there_are() -> None:
    assert len(KINDS_HERE) == len(_MARKDOWN) + len(_MDX)
