"""How sure one may be that the evidence answers the question: a logistic function of three features of the answer. Pure.

The coefficients belong to the embedding model, because the size of a cosine does. `make eval CALIBRATE=1` fits them on the
calibration half of its questions and prints them; `make eval` says how well they do on the other half
(docs/explanation/evaluation.md). Three of four of those questions can be answered: so likely is an answer taken to be beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """What the confidence is computed from; each is between 0 and 1 (a cosine may be a little below 0)."""

    #: Highest cosine similarity between the question and a section that exists.
    cosine: float
    #: Weighted share of the question's terms that the best three sections hold together.
    coverage: float
    #: Share of the best five sections that both arms found.
    agreement: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The table: one weight a feature, and the intercept."""

    intercept: float
    cosine: float
    coverage: float
    agreement: float


#: Fitted for all-MiniLM-L6-v2.
COEFFICIENTS = Coefficients(intercept=-7.78, cosine=6.5, coverage=5.59, agreement=1.66)


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
    )
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, z))))
