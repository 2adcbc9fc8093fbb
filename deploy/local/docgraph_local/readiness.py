"""Asks each program whether it is ready for work; one bounded question a call, never a wait.

A check returns None when ready, else a short reason for the person who waits.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from docgraph.domain.errors import StoreUnavailableError
from docgraph_local.deployment import Deployment

_TIMEOUT_SECONDS = 2.0


def check(program: str, deployment: Deployment, started_at: float | None) -> str | None:
    """Ask `program` (or an external server of that name), started at `started_at` (seconds since the epoch), for readiness."""
    return _CHECKS[program](deployment, started_at)


def _redis(deployment: Deployment, _: float | None) -> str | None:
    # The clients of the stores are imported where they are needed: `make status` of a stack that is down is quick.
    from docgraph.state import State

    state = State.connect(deployment.settings.redis_url)
    try:
        state.ping()
    except StoreUnavailableError as error:
        return _short(error)
    finally:
        state.close()
    return None


def _neo4j(deployment: Deployment, _: float | None) -> str | None:
    settings = deployment.settings
    parts = urlsplit(settings.neo4j_uri)
    if (refused := _connects(parts.hostname, parts.port or 7687)) is not None:
        return refused
    from docgraph.stores.graph.probe import probe

    try:
        probe(settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password, _TIMEOUT_SECONDS)
    except StoreUnavailableError as error:
        return _short(error)
    return None


def _qdrant(deployment: Deployment, _: float | None) -> str | None:
    key = deployment.settings.qdrant_api_key
    answer = _get(f"{deployment.settings.qdrant_url}/readyz", {"api-key": key} if key else {})
    return answer if isinstance(answer, str) else None


def _embedder(deployment: Deployment, _: float | None) -> str | None:
    url = deployment.settings.embeddings_url
    if "embedder" in deployment.external:
        parts = urlsplit(url)
        return _connects(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    answer = _get(url.removesuffix("/v1") + "/health")
    return answer if isinstance(answer, str) else None


def _second_embedder(deployment: Deployment, _: float | None) -> str | None:
    answer = _get(f"http://127.0.0.1:{deployment.port('second-embedder')}/health")
    return answer if isinstance(answer, str) else None


def _sidecar(deployment: Deployment, _: float | None) -> str | None:
    answer = _get(f"{deployment.settings.service_url}/health")
    return answer if isinstance(answer, str) else None


def _airflow_component(name: str) -> Callable[[Deployment, float | None], str | None]:
    def ask(deployment: Deployment, started_at: float | None) -> str | None:
        answer = _get(f"{deployment.settings.airflow_api_url}/api/v2/monitor/health")
        if isinstance(answer, str):
            return answer
        part = answer.get(name) or {}
        if part.get("status") != "healthy":
            return f"{name} is {part.get('status') or 'not seen yet'}"
        beat = part.get(f"latest_{name}_heartbeat")
        # A heartbeat of the process before this one says nothing about this one.
        if beat and started_at and datetime.fromisoformat(beat).timestamp() < started_at:
            return f"waits for the first heartbeat of {name}"
        return None

    return ask


def _get(url: str, headers: dict[str, str] | None = None) -> dict[str, Any] | str:
    # Asked several times a second while both cores are busy starting servers: a full HTTP client costs too much here.
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path, headers=headers or {})
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        return _short(error)
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        return f"answers {response.status}"
    if "json" not in response.headers.get("content-type", ""):
        return {}
    try:
        body = json.loads(text)
    except ValueError as error:
        return _short(error)
    return body if isinstance(body, dict) else {}


def _connects(host: str | None, port: int) -> str | None:
    import socket

    try:
        socket.create_connection((host or "127.0.0.1", port), timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        return _short(error)
    return None


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:120]


_CHECKS: dict[str, Callable[[Deployment, float | None], str | None]] = {
    "redis": _redis,
    "neo4j": _neo4j,
    "qdrant": _qdrant,
    "embedder": _embedder,
    "second-embedder": _second_embedder,
    "sidecar": _sidecar,
    "airflow-api-server": _airflow_component("metadatabase"),
    "airflow-scheduler": _airflow_component("scheduler"),
    "airflow-dag-processor": _airflow_component("dag_processor"),
    "airflow-triggerer": _airflow_component("triggerer"),
}
