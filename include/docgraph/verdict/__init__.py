"""The verdict: whether a dataset is fit to be queried, and every reason why not."""

from __future__ import annotations

from docgraph.verdict.judging import drift_of, judge

__all__ = ["drift_of", "judge"]
