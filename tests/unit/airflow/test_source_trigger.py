"""How a trigger asks a source that does not answer."""

from __future__ import annotations

import time

import pytest

from docgraph.airflow import triggers
from docgraph.airflow.triggers import PATIENCE_SECONDS, SourceTrigger
from docgraph.domain.errors import InfrastructureError


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[list[str] | None]:
    """What the source says, look by look; nothing left: it does not answer."""
    said: list[list[str] | None] = []

    def poll(*_: object) -> list[str] | None:
        if not said:
            raise InfrastructureError("the share is not mounted")
        return said.pop(0)

    monkeypatch.setattr(triggers, "_watched", lambda _: (None, None))
    monkeypatch.setattr(triggers, "_poll", poll)
    return said


def pauses(trigger: SourceTrigger, looks: int) -> list[float]:
    found = []
    for _ in range(looks):
        assert trigger._look() is None
        found.append(trigger._interval())
    return found


@pytest.mark.usefixtures("clock", "answers")
@pytest.mark.parametrize(
    ("seconds", "expected"), [(5.0, [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]), (300.0, [300.0, 300.0, 300.0])]
)
def test_a_silent_source_is_asked_less_and_less_and_never_more_often_than_one_that_answers(
    seconds: float, expected: list[float]
) -> None:
    assert pauses(SourceTrigger({"name": "share"}, seconds), len(expected)) == expected


@pytest.mark.usefixtures("clock")
def test_a_source_that_answers_again_is_asked_as_before(answers: list[list[str] | None]) -> None:
    trigger = SourceTrigger({"name": "share"}, 5.0)
    pauses(trigger, 4)
    answers.append(None)
    assert pauses(trigger, 1) == [5.0]
    answers.append(["a 1"])
    assert trigger._look() == ["a 1"]


@pytest.mark.usefixtures("answers")
def test_patience_ends_with_the_reason(clock: Clock) -> None:
    trigger = SourceTrigger({"name": "share"}, 5.0)
    pauses(trigger, 1)
    clock.now += PATIENCE_SECONDS + 1
    with pytest.raises(InfrastructureError, match="the share is not mounted"):
        trigger._look()
