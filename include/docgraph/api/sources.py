"""The places that documents come from, as they are configured, and where each stands."""

from __future__ import annotations

from typing import Literal

from docgraph.api.base import AnswerModel


class WithheldDeletions(AnswerModel):
    """Documents that have gone from a source and stay until a person decides, or because one rejected their deletion."""

    documents: int
    since: str
    decision: Literal["waiting", "refused"]
    decided_by: str
    plan_id: str


class SourceState(AnswerModel):
    """A configured source; `known` counts the documents that were settled of a source that is mirrored, null for one that isn't."""

    name: str
    kind: str
    tag: str
    where: str
    dag_id: str
    known: int | None
    withheld: WithheldDeletions | None
