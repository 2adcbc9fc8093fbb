"""What a trigger tells of its looks, and that telling never keeps it from looking."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from docgraph.airflow import pulse as signs
from docgraph.airflow.triggers import CompleteFileTrigger
from docgraph.domain.errors import ConfigurationError, InfrastructureError


class Told:
    """Keeps what a trigger says."""

    def __init__(self) -> None:
        self.beats: list[tuple[str, float, str, float | None]] = []

    def beat(self, source: str, every: float, error: str = "", claimed_age: float | None = None) -> None:
        self.beats.append((source, every, error, claimed_age))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(signs, "pulse", lambda: told)
    return told


@pytest.fixture
def trigger(tmp_path: Path) -> CompleteFileTrigger:
    (tmp_path / "watch").mkdir()
    return CompleteFileTrigger(str(tmp_path / "watch"), 2.0, 1.5, name="manuals")


def test_each_look_is_a_sign_of_life_of_its_source(told: Told, trigger: CompleteFileTrigger) -> None:
    assert trigger._look_and_tell() is None
    assert told.beats == [("manuals", 1.5, "", None)]


def test_a_file_that_was_claimed_and_left_is_told_with_its_age(
    told: Told, trigger: CompleteFileTrigger, tmp_path: Path
) -> None:
    claim = tmp_path / "manuals-claimed" / "a-claim"
    claim.mkdir(parents=True)
    (claim / "guide.md").write_text("# A\n")
    time.sleep(0.05)
    trigger._look_and_tell()
    [(*_, claimed_age)] = told.beats
    assert claimed_age is not None
    assert 0.04 <= claimed_age < 5


def test_a_look_that_fails_is_told_with_its_reason_and_fails(
    told: Told, trigger: CompleteFileTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_: object) -> None:
        raise InfrastructureError("the share is not mounted")

    monkeypatch.setattr(CompleteFileTrigger, "_look", look)
    with pytest.raises(InfrastructureError):
        trigger._look_and_tell()
    assert told.beats == [("manuals", 1.5, "the share is not mounted", None)]


def test_where_no_sign_can_be_given_files_are_found_all_the_same(
    trigger: CompleteFileTrigger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pulse() -> None:
        raise ConfigurationError("the connection names no host")

    monkeypatch.setattr(signs, "pulse", no_pulse)
    (tmp_path / "watch" / "guide.md").write_text("# A\n")
    (tmp_path / "watch" / "guide.md.ready").touch()
    assert trigger._look_and_tell() is not None
