"""Fit the coefficients of `docgraph.retrieval.confidence` on questions that a dataset answers and ones that it doesn't.

    python scripts/calibrate_confidence.py questions.yaml

The file is a list of `{tag, answerable: [question…], unanswerable: [question…]}`. The stack must be running and hold the
datasets. Prints the table to put into `confidence.py`, and how well it separates on questions it was not fitted on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from docgraph.embedding import EmbeddingClient, EmbeddingServers
from docgraph.retrieval import search
from docgraph.retrieval.confidence import COEFFICIENTS, Coefficients, Features, confidence
from docgraph.settings import Settings
from docgraph.stores.graph import GraphStore
from docgraph.stores.vectors import VectorStore

Matrix = NDArray[np.float64]

#: Strength of the pull towards small weights, so that a few dozen questions don't make a step function.
RIDGE = 0.02
FOLDS = 5


def main() -> int:
    """Ask every question, fit, and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--verbose", action="store_true", help="print the features of each question")
    arguments = parser.parse_args()
    groups = yaml.safe_load(arguments.questions.read_text(encoding="utf-8"))
    asked = [(q, group["tag"], label) for group in groups for label in (1, 0) for q in group[_KEYS[label]]]

    settings = Settings.load()
    graph = GraphStore(settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password)
    vectors = VectorStore(settings.qdrant_url, settings.qdrant_api_key)
    embedder = EmbeddingServers(EmbeddingClient(settings.embeddings_url, settings.embeddings_api_key))
    rows, labels, seconds = [], [], []
    for question, tag, label in asked:
        answer = search(graph, vectors, embedder, question, tag, related=False)
        features = answer.features or Features(0.0, 0.0, 0.0, 0.0)
        rows.append(astuple(features))
        labels.append(label)
        seconds.append(answer.timings["total"])
        if arguments.verbose:
            numbers = " ".join(f"{f.name} {v:.2f}" for f, v in zip(fields(features), astuple(features), strict=True))
            print(f"{label} {answer.confidence:.2f}  {numbers}  {question}")
    x, y = np.array(rows), np.array(labels, dtype=np.float64)
    print(f"{len(y)} questions, median {np.median(seconds) * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms")
    _report("as it stands", np.array([confidence(Features(*row)) for row in rows]), y)
    held_out = np.empty(len(y))
    for fold in range(FOLDS):
        mine = np.arange(len(y)) % FOLDS == fold
        held_out[mine] = _predict(x[mine], fit(x[~mine], y[~mine]))
    _report(f"fitted, on questions left out ({FOLDS} folds)", held_out, y)
    print(Coefficients(*(round(float(value), 1) for value in fit(x, y))))
    print(f"in use: {COEFFICIENTS}")
    return 0


_KEYS = {1: "answerable", 0: "unanswerable"}


def fit(x: Matrix, y: Matrix) -> Matrix:
    """Return intercept and weights of the ridge-regularised logistic regression, by Newton's method; no weight below 0.

    A feature that would get a negative weight is left out (weight 0): more of it must never lower the confidence.
    """
    active = np.ones(x.shape[1], dtype=bool)
    while True:
        design = np.column_stack([np.ones(len(y)), x[:, active]])
        penalty = np.diag([0.0] + [RIDGE * len(y) / 10] * int(active.sum()))
        beta = np.zeros(design.shape[1])
        for _ in range(100):
            p = 1 / (1 + np.exp(-design @ beta))
            gradient = design.T @ (p - y) + penalty @ beta
            hessian = (design * (p * (1 - p))[:, None]).T @ design + penalty
            step = np.linalg.solve(hessian, gradient)
            beta -= step
            if np.abs(step).max() < 1e-9:
                break
        if (beta[1:] >= 0).all():
            whole = np.zeros(x.shape[1] + 1)
            whole[0] = beta[0]
            whole[1:][active] = beta[1:]
            return whole
        names = np.flatnonzero(active)
        active[names[beta[1:].argmin()]] = False


def _predict(x: Matrix, beta: Matrix) -> Matrix:
    return np.asarray(1 / (1 + np.exp(-(beta[0] + x @ beta[1:]))))


def _report(name: str, p: Matrix, y: Matrix) -> None:
    yes, no = p[y == 1], p[y == 0]
    ranking = (yes[:, None] > no[None, :]).mean() + 0.5 * (yes[:, None] == no[None, :]).mean()
    print(
        f"{name}: area under the ROC curve {ranking:.3f}, Brier score {((p - y) ** 2).mean():.3f}; "
        f"answerable {np.median(yes):.2f} (lowest tenth {np.quantile(yes, 0.1):.2f}), "
        f"unanswerable {np.median(no):.2f} (highest tenth {np.quantile(no, 0.9):.2f})"
    )


if __name__ == "__main__":
    sys.exit(main())
