"""The gate: how it stands, and moving it by hand."""

from __future__ import annotations

from fastapi import APIRouter

from docgraph.api import gate as api
from docgraph.runtime.web import ApiError
from docgraph.state import Gate
from ingestion_service.service import Svc
from ingestion_service.workers.gate import BACK_PRESSURE

router = APIRouter(prefix="/gate", tags=["gate"])


@router.get("")
def show(service: Svc) -> api.Gate:
    """Return whether work may go on, why not, and since when."""
    return _shown(service.runtime.state.gate)


@router.post("")
def move(service: Svc, body: api.GateRequest) -> api.Gate:
    """Open or close the gate. Closed by hand it stays closed until it is opened by hand."""
    gate = service.runtime.state.gate
    if body.state is api.GatePosition.OPEN:
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


def _shown(gate: Gate) -> api.Gate:
    state = gate.state()
    position = api.GatePosition.OPEN if state.open else api.GatePosition.CLOSED
    return api.Gate(open=state.open, reason=state.reason, since=state.since, state=position)
