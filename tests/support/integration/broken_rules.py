"""The commit protocol with single rules broken in the real code, to show that a test notices.

Each function takes pytest's `MonkeyPatch` and the runtime, and breaks one rule until the patch is undone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from docgraph.domain.documents import Committed, EmbeddingVersion
from docgraph.domain.jobs import JobState
from docgraph.domain.pipeline_version import PipelineVersion
from docgraph.domain.protocol import Attempt, CommitDecision, decide_commit
from docgraph.ingest import pipeline
from docgraph.ingest.stages import reconcile
from docgraph.ingest.work import is_current
from docgraph.runtime.connections import Runtime
from docgraph.stores import vectors
from docgraph.stores.graph import commits

Break = Callable[[pytest.MonkeyPatch, Runtime, EmbeddingVersion], None]

#: A fence that no point ever has: a condition on it holds for none.
_NEVER = 2**52


def staging_overwrites_higher_fences(patch: pytest.MonkeyPatch, runtime: Runtime, version: EmbeddingVersion) -> None:
    """An upsert without its condition."""
    original = vectors._fence

    def condition(*, gte: int | None = None, gt: int | None = None) -> Any:
        return original(gte=None if gte is None else _NEVER, gt=gt)

    patch.setattr(vectors, "_fence", condition)


def sweeping_takes_higher_fences(patch: pytest.MonkeyPatch, runtime: Runtime, version: EmbeddingVersion) -> None:
    """A sweep of all that is not in the generation."""
    original = vectors._fence

    def condition(*, gte: int | None = None, gt: int | None = None) -> Any:
        return original(gte=gte, gt=None if gt is None else _NEVER)

    patch.setattr(vectors, "_fence", condition)


def the_base_is_not_compared(patch: pytest.MonkeyPatch, runtime: Runtime, version: EmbeddingVersion) -> None:
    """A commit whose difference was computed against another generation."""

    def decide(document: Committed, attempt: Attempt) -> CommitDecision:
        return decide_commit(document, replace(attempt, base_generation=tuple(document.generation)))

    patch.setattr(commits, "decide_commit", decide)


def older_content_is_not_refused(patch: pytest.MonkeyPatch, runtime: Runtime, version: EmbeddingVersion) -> None:
    """A commit over newer content."""

    def decide(document: Committed, attempt: Attempt) -> CommitDecision:
        return decide_commit(document, replace(attempt, version=max(attempt.version, document.version)))

    patch.setattr(commits, "decide_commit", decide)


def unchanged_forgets_what_was_asked_in_between(
    patch: pytest.MonkeyPatch, runtime: Runtime, version: EmbeddingVersion
) -> None:
    """An outcome "unchanged" by checksum alone."""

    def stands(state: JobState, committed: Committed, wanted: PipelineVersion) -> bool:
        return is_current(replace(state, since=0), committed, wanted)

    for module in (pipeline, reconcile):
        patch.setattr(module, "is_current", stands)
