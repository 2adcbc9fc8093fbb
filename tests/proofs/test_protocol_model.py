"""Every interleaving of a few attempts keeps the protocol's promises, and each rule is there because one is lost without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proofs.protocol_model import SCENARIOS, Model, Rules

LIMIT = 400_000
#: Rule → the scenario in which its absence shows.
NEEDED = {
    "conditional_upsert": "content that flips back",
    "insert_only": "content that flips back",
    "sweep_spares_higher_fences": "content that flips back",
    "unchanged_sweeps_nothing": "the same content twice",
    "unchanged_respects_requests_in_between": "content that flips back",
    "audit_commits_its_fence": "an audit meanwhile",
    "tombstone_keeps_the_fence": "a deletion in between",
    "cancelled_deletes_nothing": "content that flips back",
    "superseded_is_refused": "content that flips back",
    "base_is_compared": "content that flips back",
    "owner_is_compared": "two attempts, a request timed out and Redis lost",
    "readers_wait_for_stillness": "a reader by words",
    "readers_join_with_the_generation": "a reader by meaning",
}


@pytest.mark.task("6.2")
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_interleaving_breaks_a_promise(name: str) -> None:
    result = Model(SCENARIOS[name]).search(LIMIT)
    assert result.violation is None, "\n".join(result.violation.history)
    assert result.complete


@pytest.mark.parametrize("rule", NEEDED)
def test_without_a_rule_a_promise_breaks(rule: str) -> None:
    rules = replace(Rules(), **{rule: not getattr(Rules(), rule)})
    result = Model(SCENARIOS[NEEDED[rule]], rules=rules).search(LIMIT)
    assert result.violation is not None
    assert result.violation.history


def test_every_rule_has_its_counterexample() -> None:
    assert set(NEEDED) == set(Rules.__slots__)
