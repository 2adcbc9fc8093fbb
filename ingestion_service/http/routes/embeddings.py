"""A dataset's embedding versions: how it stands, moving to another one (which Airflow does), giving one up, retiring one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from docgraph.api.datasets import (
    Embeddings,
    ReembeddingAborted,
    ReembeddingStarted,
    ReembedRequest,
    RetiredEmbeddings,
    RunState,
)
from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.identity import TAG_PATTERN
from docgraph.reembed import moving as reembedding
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["embeddings"])

Tag = Annotated[str, Path(pattern=f"^{TAG_PATTERN.pattern}$")]
#: Runs for one move of a dataset; each further one goes on where the one before stopped.
MOST_RUNS = 100


@router.get("/datasets/{tag}/embeddings")
def embeddings(service: Svc, tag: Tag, run_id: str | None = None) -> Embeddings:
    """Say which versions the dataset has, how many points in each, and how far a move is; `run_id` defaults to the last run's."""
    found = reembedding.status(service.runtime, tag)
    wanted = run_id or (found["progress"] or {}).get("run_id")
    run = RunState(run_id=wanted, state=_run_state(service, wanted)) if wanted else None
    return Embeddings.model_validate({**found, "run": run})


@router.post("/datasets/{tag}/reembed", status_code=202)
def reembed(service: Svc, tag: Tag, body: ReembedRequest) -> ReembeddingStarted:
    """Start the move to another version, or go on with one that stopped; one run at a time."""
    version = reembedding.target(service.runtime, tag, body.to)
    run_id = _start(service, tag, version.name)
    return ReembeddingStarted(tag=tag, version=version.name, model=version.model, run_id=run_id)


@router.post("/datasets/{tag}/reembed/abort")
def abort(service: Svc, tag: Tag) -> ReembeddingAborted:
    """Give up the version that is being built, and delete what was built."""
    return ReembeddingAborted(tag=tag, version=reembedding.abandon(service.runtime, tag))


@router.delete("/datasets/{tag}/embeddings/{version}")
def retire(service: Svc, tag: Tag, version: str) -> RetiredEmbeddings:
    """Delete the dataset's points of an earlier version."""
    deleted = reembedding.retire(service.runtime, tag, version)
    return RetiredEmbeddings(tag=tag, version=version, deleted=deleted)


def _start(service: Service, tag: str, version: str) -> str:
    """Make sure that a run that moves the dataset is live; returns its id.

    Raises:
        StoreUnavailableError: Airflow can't be reached.
    """
    for run in service.airflow.live_runs(reembedding.REEMBED_DAG):
        if run.conf.get("tag") == tag:
            return run.run_id
    run_ids = (f"reembed__{tag}__{version}__{number}" for number in range(1, MOST_RUNS + 1))
    found = service.launcher.create_first_free(reembedding.REEMBED_DAG, run_ids, {"tag": tag, "to": version})
    if found is not None:
        return found[0]
    raise StoreUnavailableError(
        f"{MOST_RUNS} runs that should move {tag} to {version} have ended; delete old runs of {reembedding.REEMBED_DAG} in Airflow."
    )


def _run_state(service: Service, run_id: str) -> str:
    try:
        return service.airflow.run_state(reembedding.REEMBED_DAG, run_id) or "absent"
    except (StoreUnavailableError, ConfigurationError):
        return "unknown"
