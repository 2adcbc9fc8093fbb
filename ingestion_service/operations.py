"""Starting verifications and repairs as runs, and finding out how they stand, also where their run was lost."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.ingest.launcher import LIVE_RUN_STATES
from docgraph.readiness import operations
from docgraph.readiness.operations import VERIFY_DAG, Target
from docgraph.runtime.web import ApiError
from docgraph.state import OperationKind, OperationState
from ingestion_service.service import Service

#: What a verification needs.
OPERATION_STORES = ("redis", "neo4j", "qdrant", "embedder")


def start(service: Service, kind: OperationKind, targets: Sequence[Target], *, with_vectors: bool) -> str:
    """Start a run for these datasets; returns its id. Each call has a run of its own: what changed since another began counts.

    Raises:
        StoreUnavailableError: Airflow or Redis can't be reached; nothing was started.
        ConfigurationError: Airflow refuses the user.
    """
    tags = sorted({target.tag for target in targets})
    run_id = f"{kind.value}__{tags[0] if len(tags) == 1 else 'datasets'}__{uuid.uuid4().hex[:16]}"
    ordered = operations.begin(service.runtime, run_id, kind, targets)
    conf = {
        "operation": kind.value,
        "targets": [target.as_json() for target in ordered],
        "vectors": with_vectors,
    }
    try:
        return service.launcher.create(VERIFY_DAG, run_id, conf)
    except (StoreUnavailableError, ConfigurationError):
        service.runtime.state.operations.discard(run_id)
        raise


def find(service: Service, run_id: str) -> OperationState:
    """Return how an operation stands; one whose run is gone without an end is ended here, as failed.

    Raises:
        ApiError: there is none with this id (any more).
        StoreUnavailableError: Redis can't be reached.
    """
    known = service.runtime.state.operations
    state = known.get(run_id)
    if state is not None and not state.status.is_final and _is_lost(service, run_id):
        message = f"The run {run_id} ended in Airflow without a result: it was marked or deleted there. Ask again."
        known.end(run_id, error=state.problem or {"code": "run_lost", "message": message})
        state = known.get(run_id)
    if state is None:
        raise ApiError(
            404,
            "operation_not_found",
            f"No verification or repair has the run id {run_id}.",
            "They are kept for a week. Ask again with POST /v1/verify or POST /v1/repair.",
        )
    return state


def _is_lost(service: Service, run_id: str) -> bool:
    """Whether the run is gone, or has ended without ending the operation; not while Airflow can't be asked."""
    try:
        ended = service.airflow.run_state(VERIFY_DAG, run_id) not in LIVE_RUN_STATES
    except (StoreUnavailableError, ConfigurationError):
        return False
    # Its last task may have ended the operation between the two looks.
    state = service.runtime.state.operations.get(run_id)
    return ended and state is not None and not state.status.is_final
