"""What the answers say about retrieval, as figures and as promises kept or broken. Pure: asked questions in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.asking import DEPTH, SYSTEMS, Asked
from evaluation.measures import (
    Bin,
    Interval,
    area_under_roc,
    brier_score,
    expected_calibration_error,
    ndcg,
    paired_bootstrap,
    place_ranks,
    recall,
    reciprocal_rank,
    reliability,
)
from evaluation.questions import JUDGED, Kind

Vector = NDArray[np.float64]

#: What must hold: recall at this rank is compared, and unanswerable questions are told from answerable ones this well.
PROMISED_K = 10
PROMISED_AUC = 0.9
MEASURES = ("recall@1", "recall@5", "recall@10", "recall@20", "MRR@10", "nDCG@10")
ALL_JUDGED = "all judged"


@dataclass(frozen=True, slots=True)
class Promise:
    """A relation that must hold, with the figures that say whether it does."""

    name: str
    kept: bool
    figures: str


@dataclass(frozen=True, slots=True)
class Findings:
    """All figures of one half of the questions."""

    questions: Mapping[str, int]
    #: Group of questions → how many, then (in `tables`) how well.
    groups: Mapping[str, int]
    #: Group → system → measure → mean.
    tables: Mapping[str, Mapping[str, Mapping[str, float]]]
    #: System → how much higher hybrid's recall@10 is.
    lead: Mapping[str, Interval]
    #: Group → how much higher hybrid's MRR@10 is than that of release 0.1.0, on the same questions and sections.
    since_release: Mapping[str, Interval]
    #: Which questions can't be answered → area under the ROC curve against the answerable ones.
    auc: Mapping[str, float]
    confidence: Mapping[str, Mapping[str, float]]
    reliability: Sequence[Bin]
    calibration_error: float
    brier: float
    median_ms: float
    promises: Sequence[Promise]

    def as_json(self) -> dict[str, object]:
        """Return the JSON form."""
        return asdict(self)


def measure(asked: Asked, system: str) -> dict[str, float]:
    """Return every measure of one question's ranking."""
    ranks = place_ranks(asked.ranking(system), asked.question.places)
    at = {f"recall@{k}": recall(ranks, k) for k in (1, 5, 10, 20)}
    return {**at, "MRR@10": reciprocal_rank(ranks, 10), "nDCG@10": ndcg(ranks, 10)}


def find(answers: Sequence[Asked]) -> Findings:
    """Measure rankings and confidence on these answers."""
    groups = {ALL_JUDGED: [a for a in answers if a.question.kind in JUDGED]}
    groups |= {str(kind): [a for a in answers if a.question.kind is kind] for kind in Kind if kind.is_answerable}
    measured = {
        group: {system: [measure(each, system) for each in asked] for system in SYSTEMS}
        for group, asked in groups.items()
        if asked
    }
    tables = {group: {system: _means(rows) for system, rows in systems.items()} for group, systems in measured.items()}
    recalls = {s: _column(rows, f"recall@{PROMISED_K}") for s, rows in measured[ALL_JUDGED].items()}
    lead = {system: paired_bootstrap(recalls["hybrid"], recalls[system]) for system in ("dense", "full text")}
    since_release = {
        group: paired_bootstrap(_column(systems["hybrid"], "MRR@10"), _column(systems["hybrid, 0.1.0"], "MRR@10"))
        for group, systems in measured.items()
        # One question has no interval.
        if len(groups[group]) > 1
    }
    sure = {kind: np.array([a.confidence for a in answers if a.question.kind is kind]) for kind in Kind}
    answerable = np.concatenate([sure[kind] for kind in Kind if kind.is_answerable])
    unanswerable = np.concatenate([sure[kind] for kind in Kind if not kind.is_answerable])
    auc = {str(kind): area_under_roc(answerable, sure[kind]) for kind in Kind if not kind.is_answerable}
    auc["both"] = area_under_roc(answerable, unanswerable)
    confidence = np.concatenate([answerable, unanswerable])
    right = np.concatenate([np.ones(len(answerable)), np.zeros(len(unanswerable))])
    bins = reliability(confidence, right)
    return Findings(
        questions={str(kind): len(sure[kind]) for kind in Kind},
        groups={group: len(groups[group]) for group in measured},
        tables=tables,
        lead=lead,
        since_release=since_release,
        auc=auc,
        confidence={str(kind): _quantiles(values) for kind, values in sure.items() if len(values)},
        reliability=bins,
        calibration_error=expected_calibration_error(bins),
        brier=brier_score(confidence, right),
        median_ms=float(np.median([a.seconds for a in answers])) * 1000,
        promises=_promises(lead, auc["both"]),
    )


def _promises(lead: Mapping[str, Interval], auc: float) -> list[Promise]:
    return [
        *(
            Promise(
                f"hybrid finds more than {system} alone (recall@{PROMISED_K})",
                interval.low > 0,
                f"{interval.mean:+.3f}, 95 % interval {interval.low:+.3f} to {interval.high:+.3f}",
            )
            for system, interval in lead.items()
        ),
        Promise(
            f"confidence tells unanswerable from answerable (area under the ROC curve at least {PROMISED_AUC})",
            auc >= PROMISED_AUC,
            f"{auc:.3f}",
        ),
    ]


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(_column(rows, name).mean()) for name in MEASURES}


def _column(rows: Sequence[Mapping[str, float]], name: str) -> Vector:
    return np.array([row[name] for row in rows])


def _quantiles(values: Vector) -> dict[str, float]:
    low, middle, high = (float(v) for v in np.quantile(values, [0.1, 0.5, 0.9]))
    return {"lowest tenth": low, "median": middle, "highest tenth": high}


assert max(int(name.partition("@")[2]) for name in MEASURES) <= DEPTH
