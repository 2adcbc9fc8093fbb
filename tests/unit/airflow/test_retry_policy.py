"""Airflow passes over a rule whose exception it can't import, without a word: so each has to be there."""

from __future__ import annotations

import importlib

import pytest

from docgraph.airflow.defaults import RETRY_POLICY
from docgraph.domain.errors import ConfigurationError, StaleAttemptError

RULES = RETRY_POLICY.rules


def test_there_are_rules_for_what_repetition_can_not_repair() -> None:
    names = {rule.exception for rule in RULES}
    assert {f"docgraph.domain.errors.{each.__name__}" for each in (ConfigurationError, StaleAttemptError)} <= names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.exception).rpartition(".")[2])
def test_the_exception_of_a_rule_exists(rule: object) -> None:
    module, _, name = str(getattr(rule, "exception", "")).rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), name), Exception)
