"""The intake: whether what is new becomes searchable, and what stands still."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from docgraph.api.health import Intake
from ingestion_service.probes import in_thread
from ingestion_service.service import Svc

router = APIRouter(tags=["health"])


@router.get("/intake")
async def intake(service: Svc) -> Intake:
    """Return how each part of the intake is; asks Redis and Airflow, no other store, for 3 s at most."""
    return await asyncio.wrap_future(in_thread(service.intake.intake, "intake"))
