"""Histories that lose something as soon as one rule of the commit protocol is broken, and nothing while all of them hold.

They are told by hand, request by request, on the real code and stores, so that each rule has its witness at any time; the
state machine beside them makes up its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime
from support.integration.broken_rules import Break
from support.integration.witnesses import WITNESSES, Stage


@pytest.fixture
def stage(runtime: Runtime, version: EmbeddingVersion, tag: str) -> Iterator[Stage]:
    made = Stage(runtime, version, tag)
    yield made
    for program in made.programs:
        program.kill()


@pytest.mark.task("6.2")
@pytest.mark.parametrize("history", WITNESSES.values(), ids=lambda history: history.__name__)
def test_a_history_loses_nothing_while_all_rules_hold(stage: Stage, history: Callable[[Stage], bool]) -> None:
    assert history(stage)


@pytest.mark.task("6.2")
@pytest.mark.parametrize("broken", WITNESSES, ids=lambda broken: broken.__name__)
def test_a_broken_rule_loses_something(stage: Stage, monkeypatch: pytest.MonkeyPatch, broken: Break) -> None:
    broken(monkeypatch, stage.runtime, stage.version)
    assert not WITNESSES[broken](stage)
