"""What the command line sends and what the readers read is the same list."""

from __future__ import annotations

import pytest

from docgraph import formats
from docgraph.domain.content_types import CONTENT_TYPES, content_type_of


def test_every_extension_that_is_taken_has_a_reader_and_the_other_way_round() -> None:
    read = {extension: kind.content_type for kind in formats.FORMATS for extension in kind.extensions}
    assert dict(CONTENT_TYPES) == read


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
