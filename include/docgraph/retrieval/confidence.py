"""How sure one may be that the evidence answers the question: a logistic function of four features of the answer. Pure.

The coefficients belong to the embedding model, because the size of a cosine does. They are set by hand and checked by
`scripts/calibrate_confidence.py`: on 98 questions over 826 sections (the introductions of 40 Python packages; 58 questions that
they answer, 16 of those in other words, 40 that they don't, half of them about neighbouring techniques) the area under the
ROC curve is 0.966, nine in ten of the answerable score above 0.71 and nine in ten of the others below 0.46. Coefficients
fitted to some of the questions did no better on the others (0.955).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: The model that the coefficients were set for.
CALIBRATED_FOR = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class Features:
    """What the confidence is computed from; each is between 0 and 1 (a cosine may be a little below 0)."""

    #: Highest cosine similarity between the question and a section that exists.
    cosine: float
    #: Weighted share of the question's terms that the best three sections hold together.
    coverage: float
    #: Share of the best five sections that both arms found.
    agreement: float
    #: How far the best cosine stands above the tenth: a question about one thing stands out, a foreign one is far from all.
    margin: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The table: one weight a feature, and the intercept."""

    intercept: float
    cosine: float
    coverage: float
    agreement: float
    margin: float


COEFFICIENTS = Coefficients(intercept=-6.0, cosine=9.0, coverage=4.0, agreement=1.0, margin=2.0)


def confidence(features: Features | None, coefficients: Coefficients = COEFFICIENTS) -> float:
    """Return the estimated probability (0 to 1) that the evidence answers: 1 / (1 + e^-z), z linear in the features.

    Without evidence there are no features and the confidence is 0.
    """
    if features is None:
        return 0.0
    z = (
        coefficients.intercept
        + coefficients.cosine * features.cosine
        + coefficients.coverage * features.coverage
        + coefficients.agreement * features.agreement
        + coefficients.margin * features.margin
    )
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, z))))
