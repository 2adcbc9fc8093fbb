"""The gate: how it stands, and moving it by hand."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from docgraph.api.base import AnswerModel, RequestModel


class GatePosition(StrEnum):
    """Whether work may go on."""

    OPEN = "open"
    CLOSED = "closed"


class GateRequest(RequestModel):
    """The body of `POST /v1/gate`."""

    state: GatePosition
    reason: str = Field(default="", max_length=500)


class Gate(AnswerModel):
    """How the gate stands, why, and since when (RFC 3339, empty where it was never moved)."""

    open: bool
    reason: str
    since: str
    state: GatePosition
