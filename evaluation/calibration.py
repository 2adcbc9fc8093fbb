"""The fit of a logistic confidence: ridge-regularised, no weight below 0. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

#: Strength of the pull towards small weights, for each observation, so that no feature becomes a step function.
RIDGE = 0.0002
_STEPS = 1_000
_CLOSE = 1e-9


def fit(features: Matrix, right: Vector) -> Vector:
    """Return intercept and weights of the logistic regression of `right` (0 or 1) on `features` (a row an observation).

    A feature that would get a negative weight is left out (weight 0), the most negative first: more of it must never
    lower the confidence.
    The intercept is not pulled: how often an answer is right is no matter of size.
    Source: Bishop: Pattern Recognition and Machine Learning, 2006, section 4.3.2.
    """
    # They take seconds to import.
    from scipy.special import logit
    from sklearn.linear_model import LogisticRegression

    whole = np.zeros(features.shape[1] + 1)
    active = np.ones(features.shape[1], dtype=bool)
    while active.any():
        # The inverse of the strength for the sum over all observations, as this library wants it.
        model = LogisticRegression(C=1 / (RIDGE * len(right)), solver="newton-cholesky", tol=_CLOSE, max_iter=_STEPS)
        model.fit(features[:, active], right)
        weights = model.coef_[0]
        if (weights >= 0).all():
            whole[0], whole[1:][active] = model.intercept_[0], weights
            return whole
        active[np.flatnonzero(active)[weights.argmin()]] = False
    whole[0] = logit(right.mean())
    return whole


def predict(features: Matrix, coefficients: Vector) -> Vector:
    """Return the probabilities that the fitted function gives: 1 / (1 + e^-(intercept + features · weights))."""
    return np.asarray(1.0 / (1.0 + np.exp(-(coefficients[0] + features @ coefficients[1:]))))
