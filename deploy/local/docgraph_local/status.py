"""The state of each program as `make status` shows it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from docgraph_local import readiness
from docgraph_local.deployment import Deployment
from docgraph_local.programs import Program
from docgraph_local.supervisor import FAILED, UNSUPERVISED, ProcessState


@dataclass(frozen=True, slots=True)
class ProgramStatus:
    """One line of `make status`; `state` is running, starting, stopped, failed, unsupervised or external."""

    name: str
    service: str
    state: str
    pid: int | None
    uptime_seconds: float | None
    address: str
    healthy: bool
    detail: str


def describe(program: Program, deployment: Deployment, state: ProcessState | None) -> ProgramStatus:
    """Return the state of a program that the supervisor keeps, or that outlived it; `state` is None where there is no process."""
    address = _addresses(deployment).get(program.name, "")
    if state is None or state.pid is None:
        word = "failed" if state is not None and state.state in FAILED else "stopped"
        return ProgramStatus(program.name, program.service, word, None, None, address, False, "")
    reason = readiness.check(program.name, deployment, state.started_at)
    word = "running" if reason is None or state.state == "RUNNING" else "starting"
    if state.state == UNSUPERVISED:
        word = "unsupervised"
    uptime = time.time() - state.started_at if state.started_at else None
    return ProgramStatus(program.name, program.service, word, state.pid, uptime, address, reason is None, reason or "")


def describe_external(store: str, deployment: Deployment) -> ProgramStatus:
    """Return the state of a server that is run elsewhere."""
    reason = readiness.check(store, deployment, None)
    address = _addresses(deployment)[store]
    return ProgramStatus(store, store, "external", None, None, address, reason is None, reason or "")


def _addresses(deployment: Deployment) -> dict[str, str]:
    settings = deployment.settings
    return {
        # Without the password: this is for the screen.
        "redis": f"redis://{settings.redis_url.rpartition('@')[2].removeprefix('redis://')}",
        "neo4j": settings.neo4j_uri,
        "qdrant": settings.qdrant_url,
        "embedder": settings.embeddings_url,
        "second-embedder": settings.second_embeddings_url or "",
        "airflow-api-server": settings.airflow_api_url,
        "sidecar": settings.service_url,
    }
