"""What the command line sends and what the readers read is the same list."""

from __future__ import annotations

import pytest

from docgraph.domain.content_types import CONTENT_TYPES, KINDS, content_type_of, kind_of
from docgraph.formats.registry import BUILT_IN


def test_every_extension_that_is_taken_has_a_reader_and_the_other_way_round() -> None:
    assert [kind_of(each.name) for each in BUILT_IN] == list(KINDS)
    assert [CONTENT_TYPES[extension] for each in BUILT_IN for extension in each.extensions] == [
        each.media_type for each in BUILT_IN for _ in each.extensions
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.md", "text/markdown"),
        ("A.MDX", "text/markdown"),
        ("x/notes.txt", "text/plain"),
        ("a.png", None),
        ("md", None),
    ],
)
def test_the_extension_names_the_content_type(name: str, expected: str | None) -> None:
    assert content_type_of(name) == expected
