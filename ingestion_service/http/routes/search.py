"""Questions to a dataset."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from docgraph import retrieval
from docgraph.api.search import SearchAnswer
from ingestion_service.lanes import in_lane
from ingestion_service.runtime import EMBED_SECONDS
from ingestion_service.service import Svc

router = APIRouter(tags=["search"])


@router.get("/search")
async def search(
    service: Svc,
    q: str,
    tag: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000)] = 0,
    source_prefix: str | None = None,
    content_type: str | None = None,
    heading: str | None = None,
    related: bool = True,
) -> SearchAnswer:
    """Answer a question from one dataset with evidence and a confidence between 0 and 1."""
    runtime = service.runtime

    def answer() -> SearchAnswer:
        return retrieval.search(
            runtime.graph,
            runtime.searched_vectors,
            runtime.embedder,
            q,
            tag,
            limit=limit,
            offset=offset,
            source_prefix=source_prefix,
            content_type=content_type,
            heading=heading,
            related=related,
            sites=runtime.config.dataset(tag).published,
            embed_within=EMBED_SECONDS,
        ).as_model()

    return await in_lane(service.lanes.searches, answer)
