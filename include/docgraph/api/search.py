"""The answer of `GET /v1/search`: its models. The route is in `ingestion_service/http/routes`, the work in `docgraph.retrieval`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from docgraph.api.base import AnswerModel, Fine, Share


class RelatedPlace(AnswerModel):
    """A place near a hit in the graph, and by what it is near; a linked document as a whole has no `section_id`."""

    relation: str
    section_id: str | None
    document_id: str
    document: str
    source_uri: str
    heading_path: list[str]
    anchor: str
    why: str


class Evidence(AnswerModel):
    """One section that answers, with the reasons why it is here. `score` orders the hits of this answer and means nothing outside it."""

    section_id: str
    document_id: str
    document: str
    source_uri: str
    heading_path: list[str]
    anchor: str
    snippet: str
    score: Fine
    why: list[str]
    related: list[RelatedPlace] = Field(default_factory=list)


class SearchAnswer(AnswerModel):
    """The evidence for a question, best first, with how sure one may be that it answers (0 to 1) and seconds by step.

    `notes` say what the answer lacks and why; usually nothing, and then they are left out.
    """

    query: str
    tag: str
    evidence: list[Evidence]
    confidence: Share
    timings: dict[str, Fine]
    counts: dict[str, int]
    notes: list[str] = Field(default_factory=list)

    @model_serializer(mode="wrap")
    def _without_empty_notes(self, serialized: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = serialized(self)
        if not self.notes:
            found.pop("notes", None)
        return found
