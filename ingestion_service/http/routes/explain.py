"""Why a document is not searchable: its whole way, and the first link that is missing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from docgraph.diagnosis import explaining
from ingestion_service.service import Svc

router = APIRouter(tags=["explain"])


@router.get("/explain")
def explain(
    service: Svc,
    uri: Annotated[list[str], Query(min_length=1, max_length=10)],
    tag: str | None = None,
    checksum: Annotated[str, Query(pattern="^([0-9a-fA-F]{64})?$")] = "",
) -> dict[str, Any]:
    """Walk a document's way from its source to the search; `uri` given more than once: the first that is known."""
    explanation = explaining.explain(service.runtime, uri, tag, checksum=checksum, airflow=service.airflow)
    return explanation.as_json()
