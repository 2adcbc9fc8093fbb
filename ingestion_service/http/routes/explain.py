"""Why a document is not searchable: its whole way, and the first link that is missing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from docgraph.api.explain import Address, Explanation, Link
from docgraph.diagnosis import explaining
from ingestion_service.service import Svc

router = APIRouter(tags=["explain"])


@router.get("/explain")
def explain(
    service: Svc,
    uri: Annotated[list[str], Query(min_length=1, max_length=10)],
    tag: str | None = None,
    checksum: Annotated[str, Query(pattern="^([0-9a-fA-F]{64})?$")] = "",
) -> Explanation:
    """Walk a document's way from its source to the search; `uri` given more than once: the first that is known."""
    found = explaining.explain(service.runtime, uri, tag, checksum=checksum, airflow=service.airflow)
    return Explanation(
        source_uri=found.source_uri,
        tag=found.tag,
        document_id=found.document_id,
        searchable=found.searchable,
        known=found.is_known,
        broken=None if found.broken is None else Link.model_validate(found.broken),
        links=[Link.model_validate(link) for link in found.links],
        tried=[Address(tag=tried_tag, source_uri=source_uri) for tried_tag, source_uri in found.tried],
    )
