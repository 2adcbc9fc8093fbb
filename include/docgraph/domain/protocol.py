"""The commit protocol's decisions as pure functions: the stores and the model check use these same rules.

The graph is the truth and the pointer; vectors are staged before a commit and swept after it. Nothing here does I/O; how
each decision is made atomic is said where it is used (`stores/graph`, `stores/vectors`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from docgraph.domain.documents import Committed


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at bringing a document to a generation: who (owner), in which order (fence), of which content (version)."""

    document_id: str
    owner: str
    fence: int
    version: int
    base_generation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StagedAttempt:
    """What an attempt hands to its commit: who it is, and the names of the embedding versions in which it has staged.

    The generation that it was computed against is the plan's, and is not written down twice.
    """

    owner: str
    fence: int
    versions: tuple[str, ...]

    @classmethod
    def of(cls, attempt: Attempt, versions: Sequence[str]) -> StagedAttempt:
        """Return what is handed on of an attempt."""
        return cls(attempt.owner, attempt.fence, tuple(versions))

    def as_json(self) -> str:
        """Return the form in which a checkpoint keeps it."""
        return json.dumps({"owner": self.owner, "fence": self.fence, "versions": self.versions})

    @classmethod
    def from_json(cls, text: str) -> StagedAttempt:
        """Read what `as_json` wrote."""
        fields = json.loads(text)
        return cls(fields["owner"], fields["fence"], tuple(fields["versions"]))


class CommitDecision(StrEnum):
    """What the Document node, locked and then read, says to an attempt that wants to commit."""

    COMMIT = "commit"
    ALREADY_MINE = "already_mine"
    STALE_FENCE = "stale_fence"
    SUPERSEDED = "superseded"
    BASE_MOVED = "base_moved"
    #: The dataset wants vectors in an embedding version that the attempt did not stage in.
    VERSIONS_MOVED = "versions_moved"


def decide_commit(document: Committed, attempt: Attempt) -> CommitDecision:
    """Decide a commit under the Document's lock.

    Superseded (newer content stands) is final. A stale fence with older content committed means: take a new fence and
    start again. A moved base means: compute the difference again and stage again.
    """
    if document.fence == attempt.fence and document.owner == attempt.owner:
        return CommitDecision.ALREADY_MINE
    if document.version > attempt.version:
        return CommitDecision.SUPERSEDED
    if document.fence >= attempt.fence:
        return CommitDecision.STALE_FENCE
    if tuple(document.generation) != attempt.base_generation:
        return CommitDecision.BASE_MOVED
    return CommitDecision.COMMIT


def is_staged_everywhere(wanted: Collection[str], staged: Collection[str], added: Collection[str]) -> bool:
    """Whether a commit may add sections: their points are staged in every embedding version that the dataset wants now.

    Read under the Dataset's lock, which every change of its versions takes too. Sections that stay are not asked for: from the
    moment that a version is built, the process that builds it brings their points (`docgraph.reembed.moving`).
    """
    return not added or set(wanted) <= set(staged)


def may_overwrite(point_fence: int | None, attempt_fence: int) -> bool:
    """Whether staging may replace a point: never one whose fence is the same or higher (`must_not(fence >= mine)`)."""
    return point_fence is None or not point_fence >= attempt_fence


def may_sweep(document: Committed, attempt_fence: int, owner: str) -> bool:
    """Only an attempt whose fence is in the Document may sweep."""
    return document.fence == attempt_fence and document.owner == owner


def is_swept(point_id: str, point_fence: int | None, attempt_fence: int, generation: Collection[str]) -> bool:
    """Whether a sweep deletes a point: not in the generation and not `fence > mine`."""
    return point_id not in generation and not (point_fence is not None and point_fence > attempt_fence)


def next_fence(counter: int, committed: int) -> int:
    """Return the fence of a new attempt: above the counter in Redis and above what the graph has committed."""
    return max(counter, committed) + 1


class PointState(StrEnum):
    """What a point is to a reader and to an audit."""

    LIVE = "live"
    STAGED = "staged"
    STRAY = "stray"


def classify_point(point_id: str, point_fence: int, document: Committed | None) -> PointState:
    """Live: in the generation. Staged: above the document's fence, seen by nobody, no drift. Stray: everything else."""
    if document is None:
        return PointState.STAGED if point_fence > 0 else PointState.STRAY
    if point_id in document.generation:
        return PointState.LIVE
    return PointState.STAGED if point_fence > document.fence else PointState.STRAY


def drift_pct(missing: Sequence[str], stray: Sequence[str], graph_total: int) -> float:
    """Return `100 · |missing ∪ stray| / |graph ids|` (100 where strays stand beside an empty graph)."""
    wrong = len(set(missing) | set(stray))
    if graph_total == 0:
        return 100.0 if wrong else 0.0
    return 100.0 * wrong / graph_total
