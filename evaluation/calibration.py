"""The fit of a logistic confidence: ridge-regularised, by Newton's method, no weight below 0. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

#: Strength of the pull towards small weights, for each observation, so that no feature becomes a step function.
RIDGE = 0.0002
_STEPS = 100
_CLOSE = 1e-9


def fit(features: Matrix, right: Vector) -> Vector:
    """Return intercept and weights of the logistic regression of `right` (0 or 1) on `features` (a row an observation).

    A feature that would get a negative weight is left out (weight 0), the most negative first: more of it must never
    lower the confidence.
    Source: Bishop: Pattern Recognition and Machine Learning, 2006, section 4.3.3 (iteratively reweighted least squares).
    """
    active = np.ones(features.shape[1], dtype=bool)
    while True:
        beta = _newton(np.column_stack([np.ones(len(right)), features[:, active]]), right)
        if (beta[1:] >= 0).all():
            whole = np.zeros(features.shape[1] + 1)
            whole[0], whole[1:][active] = beta[0], beta[1:]
            return whole
        active[np.flatnonzero(active)[beta[1:].argmin()]] = False


def predict(features: Matrix, coefficients: Vector) -> Vector:
    """Return the probabilities that the fitted function gives: 1 / (1 + e^-(intercept + features · weights))."""
    return np.asarray(1.0 / (1.0 + np.exp(-(coefficients[0] + features @ coefficients[1:]))))


def _newton(design: Matrix, right: Vector) -> Vector:
    # The intercept is not pulled: how often an answer is right is no matter of size.
    penalty = np.diag([0.0] + [RIDGE * len(right)] * (design.shape[1] - 1))
    beta = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-design @ beta))
        gradient = design.T @ (p - right) + penalty @ beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + penalty
        step = np.linalg.solve(hessian, gradient)
        beta -= step
        if np.abs(step).max() < _CLOSE:
            break
    return beta
