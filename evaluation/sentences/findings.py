"""What the answers to sentence questions say, for each kind by itself: there is no mean over kinds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from evaluation.measures import Interval, Vector, area_under_roc, paired_bootstrap, place_ranks, recall, reciprocal_rank
from evaluation.sentences.asking import SYSTEMS, Answered
from evaluation.sentences.questions import Kind

MEASURES = ("recall@1", "recall@5", "recall@10", "MRR@10")
#: What the product's ranking is compared with.
BESIDE = ("hybrid, 0.1.0", "meaning alone", "words alone")


@dataclass(frozen=True, slots=True)
class KindFindings:
    """The figures of one kind: system → measure → mean, and how much higher the MRR@10 of `hybrid` is than that of others."""

    questions: int
    tables: Mapping[str, Mapping[str, float]]
    lead: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class SentenceFindings:
    """The figures of one half of the projects.

    `auc` says how well the confidence tells this half's questions from those about the other half's projects; 0.5 is chance.
    """

    kinds: Mapping[str, KindFindings]
    #: Project → system → MRR@10 of its questions, titles left out.
    projects: Mapping[str, Mapping[str, float]]
    project_sizes: Mapping[str, int]
    auc: float | None

    def as_json(self) -> dict[str, object]:
        """Return the JSON form."""
        return asdict(self)


def find(answers: Sequence[Answered], foreign: Sequence[float] = ()) -> SentenceFindings:
    """Measure the rankings of these answers; `foreign` are the confidences of answers about something else."""
    kinds = {str(kind): [a for a in answers if a.question.kind is kind] for kind in Kind}
    asked = [a for a in answers if a.question.kind is not Kind.TITLE]
    projects = sorted({a.question.project for a in asked})
    of_project = {name: [a for a in asked if a.question.project == name] for name in projects}
    auc = area_under_roc(np.array([a.confidence for a in asked]), np.array(foreign)) if asked and len(foreign) else None
    return SentenceFindings(
        kinds={kind: _of_kind(found) for kind, found in kinds.items() if found},
        projects={
            name: {system: float(_column(found, system, "MRR@10").mean()) for system in SYSTEMS}
            for name, found in of_project.items()
        },
        project_sizes={name: len(found) for name, found in of_project.items()},
        auc=auc,
    )


def measure(answered: Answered, system: str) -> dict[str, float]:
    """Return every measure of one question's ranking."""
    ranks = place_ranks([{section} for section in answered.rankings[system]], [answered.question.place])
    return {**{f"recall@{k}": recall(ranks, k) for k in (1, 5, 10)}, "MRR@10": reciprocal_rank(ranks, 10)}


def page(findings: SentenceFindings, about: Mapping[str, object]) -> str:
    """Return the findings as Markdown."""
    lines = ["# Questions in sentences", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    for kind, found in findings.kinds.items():
        lines += [f"## {kind.capitalize()} ({found.questions} questions)", ""]
        lines += ["| | " + " | ".join(MEASURES) + " |", "| --- |" + " ---: |" * len(MEASURES)]
        for system, figures in found.tables.items():
            lines.append(f"| {system} | " + " | ".join(f"{figures[name]:.3f}" for name in MEASURES) + " |")
        leads = "; ".join(f"{name} {i.mean:+.3f} [{i.low:+.3f}, {i.high:+.3f}]" for name, i in found.lead.items())
        lines += ["", f"MRR@10 of hybrid beside that of: {leads}.", ""]
    lines += ["## Each project (MRR@10 of its questions, without titles)", ""]
    lines += ["| project | questions | " + " | ".join(SYSTEMS) + " |", "| --- | ---: |" + " ---: |" * len(SYSTEMS)]
    for name, figures in findings.projects.items():
        cells = " | ".join(f"{figures[system]:.3f}" for system in SYSTEMS)
        lines.append(f"| {name} | {findings.project_sizes[name]} | {cells} |")
    if findings.auc is not None:
        lines += [
            "",
            f"Confidence, these questions against those of the other half's projects: AUC {findings.auc:.3f}.",
        ]
    return "\n".join([*lines, ""])


def _of_kind(answers: Sequence[Answered]) -> KindFindings:
    columns = {system: {name: _column(answers, system, name) for name in MEASURES} for system in SYSTEMS}
    ours = columns["hybrid"]["MRR@10"]
    return KindFindings(
        questions=len(answers),
        tables={
            system: {name: float(values.mean()) for name, values in each.items()} for system, each in columns.items()
        },
        lead={system: paired_bootstrap(ours, columns[system]["MRR@10"]) for system in BESIDE},
    )


def _column(answers: Sequence[Answered], system: str, name: str) -> Vector:
    return np.array([measure(answered, system)[name] for answered in answers])
