"""The gate: how it stands, and moving it by hand."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from docgraph.api.web import ApiError
from docgraph.state import Gate
from ingestion_service.service import Svc
from ingestion_service.workers.gate import BACK_PRESSURE

router = APIRouter(prefix="/gate", tags=["gate"])


class GatePosition(StrEnum):
    """Where the gate is put."""

    OPEN = "open"
    CLOSED = "closed"


class GateRequest(BaseModel):
    """The body of `POST /v1/gate`."""

    model_config = ConfigDict(extra="forbid")

    state: GatePosition
    reason: str = Field(default="", max_length=500)


@router.get("")
def show(service: Svc) -> dict[str, Any]:
    """Return whether work may go on, why not, and since when."""
    return _shown(service.runtime.state.gate)


@router.post("")
def move(service: Svc, body: GateRequest) -> dict[str, Any]:
    """Open or close the gate. Closed by hand it stays closed until it is opened by hand."""
    gate = service.runtime.state.gate
    if body.state is GatePosition.OPEN:
        gate.open()
        return _shown(gate)
    if body.reason.startswith(BACK_PRESSURE):
        raise ApiError(
            422,
            "bad_reason",
            f"A reason that begins with {BACK_PRESSURE!r} is the gatekeeper's own: it would open the gate again.",
            "Word it differently.",
        )
    gate.close(body.reason or "closed by hand")
    return _shown(gate)


def _shown(gate: Gate) -> dict[str, Any]:
    state = gate.state()
    return {**asdict(state), "state": "open" if state.open else "closed"}
