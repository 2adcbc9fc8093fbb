"""What the tasks of the watching DAGs are given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from docgraph.airflow.intake import seen_of


@pytest.mark.parametrize(
    ("returned", "seen"),
    [
        (["a 1", "b 2"], ["a 1", "b 2"]),
        # As Airflow 3.3.2 gives what a trigger returned.
        (json.dumps(["a 1", "b 2"]), ["a 1", "b 2"]),
        ([], []),
        ("[]", []),
        (None, []),
    ],
)
def test_what_a_trigger_saw_is_read_however_often_it_was_encoded(returned: Any, seen: list[str]) -> None:
    assert seen_of(returned) == seen
