"""What the MCP tools give back: each answer as data for programs (its schema is published) and as text for a model.

Small on purpose: an agent pays for each word that it reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from docgraph.api.datasets import Dataset
from docgraph.api.search import Evidence, SearchAnswer
from docgraph.retrieval import Related
from docgraph.retrieval.validated import Hit

#: Of the answers from the first on, nineteen in twenty answer; of those below the second, nine in ten don't
#: (the calibration half of `make eval`).
LIKELY, UNLIKELY = 0.8, 0.4
EXCERPT_LENGTH = 240


def document_uri(tag: str, document_id: str) -> str:
    """Return the address of the MCP resource that a document is."""
    return f"docgraph://{tag}/{document_id}"


class Reply(BaseModel, ABC):
    """An answer of a tool."""

    @abstractmethod
    def as_text(self) -> str:
        """Return what a model reads."""

    def as_result(self) -> CallToolResult:
        """Return both forms in one result."""
        return CallToolResult(
            content=[TextContent(type="text", text=self.as_text())], structured_content=self.model_dump(mode="json")
        )


class FoundSection(BaseModel):
    """A section that answers, with its place."""

    section_id: str = Field(description="Pass it to read_section or neighbours.")
    document: str = Field(description="The document's title.")
    document_uri: str = Field(description="The MCP resource with the whole document.")
    source_uri: str = Field(description="Where the document came from: cite this, with the anchor.")
    heading_path: list[str]
    anchor: str
    snippet: str
    score: float
    why: list[str] = Field(description="Why it was found.")

    @classmethod
    def of(cls, tag: str, evidence: Evidence) -> FoundSection:
        """Return the evidence as an agent gets it."""
        return cls(
            section_id=evidence.section_id,
            document=evidence.document,
            document_uri=document_uri(tag, evidence.document_id),
            source_uri=evidence.source_uri,
            heading_path=evidence.heading_path,
            anchor=evidence.anchor,
            snippet=evidence.snippet,
            score=evidence.score,
            why=evidence.why,
        )


class SearchReply(Reply):
    """The sections that answer a question, best first."""

    tag: str
    confidence: float = Field(description="0 to 1: how sure one may be that the evidence answers the question.")
    advice: str = Field(description="What the confidence means.")
    evidence: list[FoundSection]

    @classmethod
    def of(cls, answer: SearchAnswer) -> SearchReply:
        """Return the answer as an agent gets it."""
        return cls(
            tag=answer.tag,
            confidence=answer.confidence,
            advice=" ".join([_advice(answer), *answer.notes]),
            evidence=[FoundSection.of(answer.tag, evidence) for evidence in answer.evidence],
        )

    def as_text(self) -> str:
        """Return the hits as a numbered list."""
        lines = [f"Confidence {self.confidence:.2f}. {self.advice}"]
        for rank, hit in enumerate(self.evidence, start=1):
            lines += [
                "",
                f"{rank}. {place(hit.document, hit.heading_path)}",
                f"   source: {cited(hit.source_uri, hit.anchor)}",
                f"   section_id: {hit.section_id}",
                f"   {hit.snippet}",
            ]
        return "\n".join(lines)


class SectionReply(Reply):
    """A section, whole, with its place in its document."""

    section_id: str
    tag: str
    document: str
    document_uri: str
    source_uri: str
    anchor: str
    heading_path: list[str]
    position: int = Field(description="Place in the document, from 1.")
    of: int = Field(description="Number of sections of the document.")
    previous_section_id: str | None
    next_section_id: str | None
    text: str = Field(description="Markdown.")

    @classmethod
    def from_hit(cls, hit: Hit) -> SectionReply:
        """Return a section that was read as an agent gets it."""
        return cls(
            section_id=hit.section.section_id,
            tag=hit.document.tag,
            document=hit.document.title,
            document_uri=document_uri(hit.document.tag, hit.document.document_id),
            source_uri=hit.document.source_uri,
            anchor=hit.member.anchor,
            heading_path=list(hit.section.heading_path),
            position=hit.member.position + 1,
            of=hit.document.size,
            previous_section_id=hit.member.previous_id,
            next_section_id=hit.member.next_id,
            text=hit.section.text,
        )

    def as_text(self) -> str:
        """Return the text under its place."""
        return "\n".join(
            [
                place(self.document, self.heading_path),
                f"source: {cited(self.source_uri, self.anchor)}",
                f"section {self.position} of {self.of}; previous: {self.previous_section_id or 'none'}; "
                f"next: {self.next_section_id or 'none'}",
                "",
                self.text,
            ]
        )


class NearbyPlace(BaseModel):
    """A place near a section, and by what it is near."""

    relation: str = Field(description="previous, next, parent, shared_entities or link.")
    why: str
    section_id: str | None = Field(description="None for a linked document as a whole.")
    document: str
    document_uri: str
    source_uri: str
    heading_path: list[str]
    anchor: str
    excerpt: str = Field(description="How the section begins.")

    @classmethod
    def of(cls, tag: str, related: Related, text: str) -> NearbyPlace:
        """Return a related place, with how its text begins, as an agent gets it."""
        return cls(
            relation=related.relation,
            why=related.why,
            section_id=related.section_id,
            document=related.document,
            document_uri=document_uri(tag, related.document_id),
            source_uri=related.source_uri,
            heading_path=list(related.heading_path),
            anchor=related.anchor,
            excerpt=excerpt(text),
        )


class NeighboursReply(Reply):
    """What stands near a section in the graph."""

    section_id: str
    tag: str
    places: list[NearbyPlace]

    def as_text(self) -> str:
        """Return the places as a list."""
        if not self.places:
            return "Nothing stands near this section: it is alone in its document and shares no terms or links."
        lines: list[str] = []
        for near in self.places:
            lines += [
                f"- {near.relation}: {place(near.document, near.heading_path)} ({near.why})",
                f"  source: {cited(near.source_uri, near.anchor)}",
                f"  section_id: {near.section_id}" if near.section_id else f"  document: {near.document_uri}",
            ]
            if near.excerpt:
                lines.append(f"  {near.excerpt}")
        return "\n".join(lines)


class DatasetEntry(BaseModel):
    """A dataset and what the last verdict on it was."""

    tag: str
    documents: int
    sections: int
    ready: bool | None = Field(description="The last verdict; null where none was given yet.")
    reasons: str = Field(description="Why it is not ready.")
    judged_at: str


class DatasetsReply(Reply):
    """All datasets."""

    datasets: list[DatasetEntry]

    def as_text(self) -> str:
        """Return one line a dataset."""
        if not self.datasets:
            return "There are no datasets yet: nothing has been ingested."
        return "\n".join(
            f"- {entry.tag}: {entry.documents:,} documents, {entry.sections:,} sections, {_verdict(entry)}"
            for entry in self.datasets
        )


class ReadinessReply(Reply):
    """Whether a dataset may be trusted now."""

    tag: str
    ready: bool
    reasons: list[str] = Field(description="What stands against it; empty when ready.")
    judged_at: str = Field(description="When the last run was judged (RFC 3339); empty where none was.")
    report: str = Field(description="Id of the last run's report.")
    drift_pct: str = Field(description="Percent of sections in which graph and vectors differed.")

    def as_text(self) -> str:
        """Return the verdict as a sentence or two."""
        if self.ready:
            return f"The dataset {self.tag} is ready for queries (judged {self.judged_at}, drift {self.drift_pct or '?'} %)."
        return f"The dataset {self.tag} is not ready for queries: {' '.join(self.reasons)}"


def place(document: str, heading_path: Sequence[str]) -> str:
    """Return where a section stands, for reading; a title that is also the first heading is said once."""
    parts = [document, *heading_path]
    if len(parts) > 1 and parts[0] == parts[1]:
        del parts[0]
    return " > ".join(part for part in parts if part)


def cited(source_uri: str, anchor: str) -> str:
    """Return the address with the anchor."""
    return f"{source_uri}#{anchor}" if anchor else source_uri


def excerpt(text: str, length: int = EXCERPT_LENGTH) -> str:
    """Return how a text begins, white space collapsed, cut at a word."""
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 1].rsplit(" ", 1)[0] + "…"


def dataset_entry(dataset: Dataset) -> DatasetEntry:
    """Return a dataset of `GET /v1/datasets` as an agent gets it."""
    verdict = dataset.verdict or {}
    return DatasetEntry(
        tag=dataset.tag,
        documents=dataset.documents,
        sections=dataset.sections,
        ready=dataset.ready,
        reasons=verdict.get("reasons", ""),
        judged_at=verdict.get("at", ""),
    )


def _advice(answer: SearchAnswer) -> str:
    if not answer.evidence:
        return (
            "Nothing in this dataset matches. Say that the documentation does not cover it, or search with other words."
        )
    if answer.confidence >= LIKELY:
        return "The evidence very probably answers the question."
    if answer.confidence < UNLIKELY:
        return "The documentation very probably does not answer this. Rephrase, or say so instead of guessing."
    return "The evidence may answer the question in part: read the sections before you rely on them."


def _verdict(entry: DatasetEntry) -> str:
    if entry.ready is None:
        return "not judged yet"
    return "ready" if entry.ready else f"not ready ({entry.reasons or 'no reason given'})"
