"""What `up` asks of Airflow over its REST interface once it runs: pools, and whether the DAGs have been parsed."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from docgraph.domain.errors import WorldError
from docgraph_local.airflow_env import POOLS
from docgraph_local.deployment import Deployment
from docgraph_local.paths import repository

_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.5


class AirflowApiError(WorldError):
    """Airflow refused what the local stack needs of it; read logs/airflow-api-server.log."""


class AirflowApi:
    """A session with the REST interface of the stack's own Airflow."""

    def __init__(self, deployment: Deployment) -> None:
        """Log in as the stack's administrator.

        Raises:
            AirflowApiError: the password is refused or the server can't be reached.
        """
        settings = deployment.settings
        self._client = httpx.Client(base_url=settings.airflow_api_url, timeout=10, trust_env=False)
        login = {"username": settings.airflow_user, "password": settings.airflow_password}
        token = self._ask("POST", "/auth/token", login)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> AirflowApi:
        """Return the session itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()

    def ensure_pools(self) -> None:
        """Create the pools that the DAGs name; a pool that somebody resized keeps its size."""
        present = {pool["name"] for pool in self._ask("GET", "/api/v2/pools?limit=100")["pools"]}
        for name, (slots, description) in POOLS.items():
            if name not in present:
                pool = {"name": name, "slots": slots, "description": description, "include_deferred": False}
                # Already there: a request whose answer was an error had its effect all the same.
                self._ask("POST", "/api/v2/pools", pool, accepted={httpx.codes.CONFLICT})

    def import_errors(self) -> dict[str, str]:
        """Return the files in `dags/` that can't be imported: name -> last line of the trace."""
        errors = self._ask("GET", "/api/v2/importErrors?limit=100")["import_errors"]
        return {error["filename"]: error["stack_trace"].strip().splitlines()[-1] for error in errors}

    def unparsed_files(self) -> list[str]:
        """Return the files in `dags/` of which Airflow has seen neither a DAG nor an error yet."""
        seen = {
            dag["relative_fileloc"] for dag in self._ask("GET", "/api/v2/dags?limit=100&exclude_stale=false")["dags"]
        }
        seen |= {Path(name).name for name in self.import_errors()}
        return [name for name in _dag_files() if name not in seen]

    def _ask(self, method: str, path: str, body: object = None, accepted: Collection[int] = ()) -> Any:
        """Ask, and ask again for a while where Airflow has trouble of its own (while it starts, its database may be locked)."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                response = self._client.request(method, path, json=body)
                if response.status_code not in accepted:
                    response.raise_for_status()
                return response.json()
            except httpx.HTTPStatusError as error:
                if not error.response.is_server_error or time.monotonic() > deadline:
                    said = error.response.text[:200]
                    raise AirflowApiError(
                        f"Airflow answered {error.response.status_code} to {method} {path}: {said}"
                    ) from error
            except httpx.HTTPError as error:
                if time.monotonic() > deadline:
                    raise AirflowApiError(
                        f"Airflow did not answer {method} {path} ({error}); see `make status`."
                    ) from error
            time.sleep(_PAUSE_SECONDS)


def _dag_files() -> list[str]:
    return sorted(path.name for path in (repository() / "dags").glob("*.py") if _may_hold_a_dag(path))


def _may_hold_a_dag(path: Path) -> bool:
    text = path.read_text(encoding="utf-8").lower()
    return "dag" in text and "airflow" in text
