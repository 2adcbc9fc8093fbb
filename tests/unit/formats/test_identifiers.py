"""What the full-text index keeps of identifiers, so that they are found by their parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgraph.formats.identifiers import identifier_parts
from docgraph.stores.graph import lucene


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Set max_active_runs to 3.", "max active runs"),
        ("fs.readFile gives bytes", "fs readfile read file"),
        ("json.JSONEncoder.encode", "json jsonencoder encoder encode"),
        ("airflow.max_active_runs", "airflow max_active_runs max active runs"),
        ("with --skip-serve-logs", "skip serve logs"),
        ("an HTTPServer", "http server"),
        ("plain words only", ""),
    ],
)
def test_an_identifier_is_kept_in_its_names_and_their_parts(text: str, parts: str) -> None:
    assert identifier_parts(text) == parts


@given(st.from_regex(r"[a-z]{2,8}(\.[A-Z]?[a-z]{2,8}([A-Z][a-z]{2,6}|_[a-z]{2,6}){0,2}){1,3}", fullmatch=True))
def test_each_name_and_part_that_a_question_is_cut_into_is_in_the_index(identifier: str) -> None:
    kept = identifier_parts(f"see {identifier} for more").split()
    assert set(lucene.names(identifier)) <= set(kept)
    assert set(lucene.parts(identifier)) <= set(kept)
