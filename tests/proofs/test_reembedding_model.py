"""Every interleaving of a move to another embedding version with attempts at a document leaves readers whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proofs.reembedding_model import Rules, search

#: The generation that stands, and what attempts at the document want.
SCENARIOS = {
    "a new document": (0b00, (0b01,)),
    "a document that grows": (0b01, (0b11,)),
    "a document that is replaced": (0b01, (0b10,)),
    "two attempts at a new document": (0b00, (0b01, 0b11)),
}


@pytest.mark.task("6.2")
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_interleaving_leaves_a_reader_without_a_vector(name: str) -> None:
    result = search(*SCENARIOS[name])
    assert result.history is None, "\n".join(result.history)
    assert result.states > 50


@pytest.mark.parametrize("rule", Rules.__slots__)
def test_without_a_rule_a_reader_misses_one(rule: str) -> None:
    rules = replace(Rules(), **{rule: False})
    histories = [search(*scenario, rules=rules).history for scenario in SCENARIOS.values()]
    assert any(histories), rule
