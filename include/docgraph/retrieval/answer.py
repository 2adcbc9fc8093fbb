"""What a search gives back: frozen types and their JSON form (`answer_json`), which every adapter shows unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docgraph.api import search as api
from docgraph.retrieval.confidence import Features


@dataclass(frozen=True, slots=True)
class Related:
    """A place near a hit in the graph, and by what it is near."""

    relation: str
    document_id: str
    document: str
    source_uri: str
    heading_path: tuple[str, ...]
    anchor: str
    why: str
    section_id: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One section that answers, with the reasons why it is here. `score` orders the hits of this answer and means nothing outside it."""

    section_id: str
    document_id: str
    document: str
    source_uri: str
    heading_path: tuple[str, ...]
    anchor: str
    snippet: str
    score: float
    why: tuple[str, ...]
    related: tuple[Related, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return api.Evidence.model_validate(self).as_json()


@dataclass(frozen=True, slots=True)
class Answer:
    """The evidence for a question, best first, with how sure one may be that it answers (0 to 1) and where time went (seconds)."""

    query: str
    tag: str
    evidence: tuple[Evidence, ...]
    confidence: float
    timings: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    #: What the confidence was computed from, for calibration; no part of the JSON form.
    features: Features | None = None
    #: What the answer lacks, and why.
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return `answer_json`."""
        return self.as_model().as_json()

    def as_model(self) -> api.SearchAnswer:
        """Return `answer_json` as the HTTP contract's model."""
        return api.SearchAnswer.model_validate(self)
