"""What the graph answers: candidates, their places in generations, texts, and what stands near them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FulltextHit:
    """A candidate of the full-text arm; `score` is Lucene's BM25 sum, comparable within one query only."""

    section_id: str
    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Member:
    """A candidate that its document's generation contains, with its place in it."""

    section_id: str
    position: int
    anchor: str
    previous_id: str | None
    next_id: str | None


@dataclass(frozen=True, slots=True)
class DocumentView:
    """What one Document said when it was asked about its candidates."""

    document_id: str
    tag: str
    fence: int
    deleted: bool
    size: int
    title: str
    source_uri: str
    content_type: str
    members: Mapping[str, Member]


@dataclass(frozen=True, slots=True)
class MadeDocument:
    """A live document with what it was made from and by."""

    source_uri: str
    content_type: str
    checksum: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class SectionText:
    """A Section node: immutable."""

    section_id: str
    document_id: str
    tag: str
    heading_path: tuple[str, ...]
    text: str
    text_hash: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class LinkedDocument:
    """A live document that a section links to."""

    section_id: str
    document_id: str
    title: str
    source_uri: str
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class SharedEntities:
    """Another section that mentions the same entities; whether it is a member still has to be asked."""

    section_id: str
    related_id: str
    document_id: str
    names: tuple[str, ...]
