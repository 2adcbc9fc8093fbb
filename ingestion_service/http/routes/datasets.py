"""The datasets: what is in each, and what the last verdict was."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from docgraph.api.datasets import Dataset
from docgraph.domain.verdict import LastVerdict
from ingestion_service.service import Svc

router = APIRouter(tags=["datasets"])


@router.get("/datasets")
def datasets(service: Svc) -> list[Dataset]:
    """List the datasets; `ready` is null where no verdict was given yet."""
    verdicts = service.runtime.state.readiness.all()
    return [_row(row, verdicts.get(row["tag"])) for row in service.runtime.graph.datasets()]


def _row(dataset: dict[str, Any], verdict: LastVerdict | None) -> Dataset:
    return Dataset(
        tag=dataset["tag"],
        documents=dataset["documents"],
        sections=dataset["sections"],
        embedding_version=dataset["embedding_version"],
        building=dataset["building"],
        ready=None if verdict is None else verdict.ready,
        report=None if verdict is None else verdict.report or None,
        verdict=None if verdict is None else dict(verdict.fields),
    )
