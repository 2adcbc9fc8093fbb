"""Airflow's REST API (`/api/v2`) as docgraph uses it: trigger a run, ask how it stands, ask whether Airflow is well.

Plain HTTP: importing Airflow would cost seconds and tie the sidecar to its version. It decides nothing about jobs.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError

INGEST_DAG = "ingest_documents"
#: States of a run that will still do something.
LIVE_RUN_STATES = frozenset({"queued", "running"})
_PAGE = 100
#: Answers after which Airflow is asked again, and the seconds before each time.
_AGAIN = frozenset({500, 502, 503, 504})
_PAUSES = (0.1, 0.3, 1.0, 2.0)
_RUN_PREFIX = "ingest__"


def ingest_run_id(tag: str, attempts: Iterable[tuple[str, int]]) -> str:
    """Return the run id for jobs of one dataset, given as (job id, attempt).

    It follows from the jobs alone, so that whoever triggers the same jobs again asks for the same run and is told that it
    exists; a job that was resumed or requeued has another attempt and so another run.
    """
    listed = "\n".join(sorted(f"{job_id}:{attempt}" for job_id, attempt in attempts))
    return f"{_RUN_PREFIX}{tag}__{hashlib.sha256(listed.encode()).hexdigest()[:16]}"


def is_ingest_run_id(run_id: str) -> bool:
    """Tell whether a run id was made by `ingest_run_id`."""
    return run_id.startswith(_RUN_PREFIX)


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that is queued or running: which it is, what it was asked for, and since when it exists (RFC 3339)."""

    run_id: str
    state: str
    queued_at: str
    conf: Mapping[str, Any]


class AirflowApi:
    """One user's session with an Airflow API server; safe to share between threads."""

    def __init__(self, url: str, user: str, password: str, *, timeout: float = 10.0) -> None:
        """Point the session at `url` (without `/api/v2`); nothing is connected before the first call."""
        self._url = url.rstrip("/")
        self._user = user
        self._password = password
        self._http = httpx.Client(timeout=httpx.Timeout(timeout, connect=3.0), trust_env=False)
        self._token: str | None = None
        self._lock = threading.Lock()

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any], note: str | None = None) -> bool:
        """Create a run; False: a run with this id exists already, so that somebody else was first.

        Raises:
            StoreUnavailableError: Airflow can't be reached, does not know the DAG (yet) or answers with an error.
            ConfigurationError: user or password are refused.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf), "note": note}
        response = self._request("POST", f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns", body)
        if response.status_code == 409:
            return False
        if response.status_code == 404:
            raise StoreUnavailableError(
                f"Airflow at {self._url} does not know the DAG {dag_id!r}: it is still being parsed, or its import failed; "
                "look at the DAG processor's log."
            )
        self._expect_success(response, f"trigger {dag_id} as {run_id}")
        return True

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a run (queued, running, success, failed); None: there is no such run.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: user or password are refused.
        """
        path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
        response = self._request("GET", path)
        if response.status_code == 404:
            return None
        self._expect_success(response, f"read the run {run_id}")
        return str(_object(response).get("state", ""))

    def live_runs(self, dag_id: str) -> list[LiveRun]:
        """Return all runs of a DAG that are queued or running, oldest first.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: user or password are refused.
        """
        found: list[LiveRun] = []
        while True:
            query = f"state=queued&state=running&order_by=id&limit={_PAGE}&offset={len(found)}"
            response = self._request("GET", f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns?{query}")
            if response.status_code == 404:
                return found
            self._expect_success(response, f"list the runs of {dag_id}")
            rows = _object(response).get("dag_runs") or []
            found.extend(
                LiveRun(
                    str(row["dag_run_id"]),
                    str(row["state"]),
                    str(row.get("queued_at") or row.get("run_after") or ""),
                    row.get("conf") or {},
                )
                for row in rows
            )
            if len(rows) < _PAGE:
                return found

    def ping(self) -> float:
        """Return the seconds that Airflow takes to say that its database and its scheduler are well.

        Raises:
            StoreUnavailableError: it can't be reached, or one of the two is not.
        """
        started = time.perf_counter()
        response = self._send("GET", "/api/v2/monitor/health")
        self._expect_success(response, "read Airflow's health")
        health = _object(response)
        for part in ("metadatabase", "scheduler"):
            status = (health.get(part) or {}).get("status")
            if status != "healthy":
                raise StoreUnavailableError(
                    f"Airflow at {self._url} says that its {part} is {status or 'unknown'}; look at its log."
                )
        return time.perf_counter() - started

    def healthy(self) -> bool:
        """Whether Airflow can be reached and its database and scheduler are well."""
        try:
            self.ping()
        except StoreUnavailableError:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send with a token; one that is refused was given by an earlier server or has expired, so it is renewed once.

        An Airflow on SQLite answers 500 while its database is locked, and may have stored what was asked for all the same. So
        what is sent here can be sent twice: a second trigger of a run is answered with 409.
        """
        token = self._bearer(refused=None)
        response = self._send(method, path, body, token)
        if response.status_code == 401:
            token = self._bearer(refused=token)
            response = self._send(method, path, body, token)
        for pause in _PAUSES:
            if response.status_code not in _AGAIN:
                break
            time.sleep(pause)
            response = self._send(method, path, body, token)
        if response.status_code in {401, 403}:
            raise ConfigurationError(
                f"Airflow at {self._url} does not allow {self._user!r} to {method} {path} (HTTP {response.status_code}); "
                "check AIRFLOW_USER, AIRFLOW_PASSWORD and that user's role."
            )
        return response

    def _bearer(self, refused: str | None) -> str:
        with self._lock:
            if self._token is None or self._token == refused:
                self._token = self._new_token()
            return self._token

    def _new_token(self) -> str:
        response = self._send("POST", "/auth/token", {"username": self._user, "password": self._password})
        if response.status_code in {401, 403}:
            raise ConfigurationError(
                f"Airflow at {self._url} refuses the user {self._user!r}; check AIRFLOW_USER and AIRFLOW_PASSWORD."
            )
        self._expect_success(response, "get a token")
        token = _object(response).get("access_token")
        if not isinstance(token, str):
            raise StoreUnavailableError(
                f"Airflow at {self._url} gave no token; is AIRFLOW_API_URL an Airflow 3 server?"
            )
        return token

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            return self._http.request(method, self._url + path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise StoreUnavailableError(
                f"Airflow at {self._url} can't be reached ({str(error) or type(error).__name__}); "
                "check `make status` and AIRFLOW_API_URL."
            ) from error
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"AIRFLOW_API_URL={self._url!r} is no address: {error}") from error

    def _expect_success(self, response: httpx.Response, what: str) -> None:
        if response.is_success:
            return
        try:
            detail = _object(response).get("detail", response.text)
        except StoreUnavailableError:
            detail = response.text
        raise StoreUnavailableError(
            f"Airflow at {self._url} could not {what}: HTTP {response.status_code}, {str(detail)[:300]}"
        )


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except ValueError as error:
        raise StoreUnavailableError(
            f"{response.url} answers with something that is not JSON; check AIRFLOW_API_URL."
        ) from error
    return content if isinstance(content, Mapping) else {}
