"""From answers to figures: which system leads, what is promised, and what is written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation import findings, measures, writing
from evaluation.asking import Asked
from evaluation.questions import Kind, Question


def _asked(kind: Kind, rank_by_system: tuple[int, int, int], confidence: float) -> Asked:
    """An answer that shows the one place at the given ranks of dense, full text and hybrid (0: not at all)."""
    places = (frozenset({"here"}),) if kind.is_answerable else ()

    def ids(rank: int) -> tuple[str, ...]:
        found = [f"other{number}" for number in range(12)]
        return tuple(found if rank == 0 else [*found[: rank - 1], "here", *found[rank:]])

    dense, lexical, hybrid = map(ids, rank_by_system)
    return Asked(
        question=Question("?", kind, places, held_out=True),
        dense=tuple((i, 1.0) for i in dense),
        fulltext=tuple((i, 1.0) for i in lexical),
        released=dense,
        hybrid=hybrid,
        beside=(("here",), *((),) * (len(hybrid) - 1)),
        confidence=confidence,
        features=None,
        seconds=0.02,
    )


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures.paired_bootstrap, "__defaults__", (300,))


def _answers(*, hybrid: int, doubt: float) -> list[Asked]:
    judged = [_asked(Kind.WRITTEN, (0, 3, hybrid), 0.9) for _ in range(20)]
    judged += [_asked(Kind.DEFINITION, (3, 0, hybrid), 0.8) for _ in range(20)]
    judged += [_asked(Kind.KNOWN_ITEM, (1, 1, 1), 0.9)]
    return judged + [_asked(kind, (0, 0, 0), doubt) for kind in (Kind.NEAR_MISS, Kind.OTHER_SUBJECT) for _ in range(9)]


def test_a_hybrid_that_finds_what_either_arm_finds_leads_both() -> None:
    found = findings.find(_answers(hybrid=2, doubt=0.1))
    table = found.tables[findings.ALL_JUDGED]
    assert table["hybrid"]["recall@10"] == 1.0
    assert table["dense"]["recall@10"] == table["full text"]["recall@10"] == 0.5
    assert table["hybrid"]["MRR@10"] == 0.5
    assert table["hybrid + graph"]["recall@1"] == 1.0
    assert found.lead["dense"].low > 0
    assert found.since_release[findings.ALL_JUDGED].mean == pytest.approx((1 / 2 + 1 / 6) / 2)
    assert found.auc["both"] == 1.0
    assert all(promise.kept for promise in found.promises)


def test_a_hybrid_that_is_no_better_than_an_arm_breaks_the_promise() -> None:
    found = findings.find(_answers(hybrid=0, doubt=0.1))
    assert [promise.kept for promise in found.promises] == [False, False, True]


def test_a_confidence_that_tells_nothing_breaks_the_promise() -> None:
    found = findings.find(_answers(hybrid=2, doubt=0.9))
    assert [promise.kept for promise in found.promises] == [True, True, False]


def test_findings_are_written_as_data_as_a_page_and_as_plots(tmp_path: Path) -> None:
    found = findings.find(_answers(hybrid=2, doubt=0.1))
    writing.write(tmp_path, found, {"set": "two pages"})
    body = json.loads((tmp_path / "evaluation.json").read_text())
    assert body["about"] == {"set": "two pages"}
    assert body["tables"][findings.ALL_JUDGED]["hybrid"]["recall@10"] == 1.0
    page = (tmp_path / "evaluation.md").read_text()
    assert "## All judged (40 questions)" in page
    assert "MRR@10 beside 0.1.0: +0.333, 95 % interval" in page
    assert "| hybrid | 0.000 | **1.000** |" in page
    first = [(tmp_path / f"{name}.svg").read_text() for name in ("rankings", "confidence")]
    writing.write(tmp_path, found, {})
    assert [(tmp_path / f"{name}.svg").read_text() for name in ("rankings", "confidence")] == first
