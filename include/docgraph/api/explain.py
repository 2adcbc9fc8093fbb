"""Why a document is not searchable: its whole way, link by link."""

from __future__ import annotations

from enum import StrEnum

from docgraph.api.base import AnswerModel


class LinkStatus(StrEnum):
    """How a link stands: it holds, it is missing, or it was not looked at because an earlier one is."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Link(AnswerModel):
    """One link: what was found (`message`), a short name of it (`code`), and, where it is missing, what to do (`action`)."""

    name: str
    status: LinkStatus
    code: str
    message: str
    action: str


class Address(AnswerModel):
    """A document's address in a dataset."""

    tag: str
    source_uri: str


class Explanation(AnswerModel):
    """The chain of one document, and every address that was tried; `broken` is the first link that is missing."""

    source_uri: str
    tag: str
    document_id: str
    searchable: bool
    known: bool
    broken: Link | None
    links: list[Link]
    tried: list[Address]
