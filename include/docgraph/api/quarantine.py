"""What was set aside because nothing could be made of it, from whatever entry point."""

from __future__ import annotations

from pydantic import Field

from docgraph.api.base import AnswerModel
from docgraph.domain.quarantine import Door


class SetAside(AnswerModel):
    """One thing that was set aside: what, why, since when (RFC 3339, or empty), and what it held."""

    id: str
    door: Door
    name: str
    code: str
    reason: str
    at: str = ""
    #: The failed job that stands for it, or empty.
    job_id: str = ""
    fields: dict[str, str] = Field(default_factory=dict)


class Quarantined(AnswerModel):
    """All that was set aside, newest first."""

    entries: list[SetAside]
