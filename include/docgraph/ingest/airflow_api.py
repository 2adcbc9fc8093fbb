"""Airflow's REST API (`/api/v2`) as docgraph uses it from outside Airflow: runs, health, and what a new Airflow is set up with.

Plain HTTP: importing Airflow would cost seconds and tie the sidecar to its version. It decides nothing about jobs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.retries import RetryPolicy

#: For an Airflow that runs: a locked database passes soon, and the caller waits.
SOON = RetryPolicy(attempts=5, first_pause=0.1, growth=3.0, longest_pause=2.0)
#: For an Airflow that is starting.
WHILE_STARTING = RetryPolicy(patience=60.0, first_pause=0.5, growth=1.0)
_PAGE = 100
#: Answers after which Airflow is asked again.
_AGAIN = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that is queued or running: which it is, what it was asked for, and since when it exists (RFC 3339)."""

    run_id: str
    state: str
    queued_at: str
    conf: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AirflowPart:
    """A component of Airflow, and the seconds since its last heartbeat; None where there was none."""

    name: str
    age: float | None


@dataclass(frozen=True, slots=True)
class ImportedDag:
    """What Airflow says of a DAG's import; `age` is the seconds since the last one that succeeded."""

    file: str
    is_paused: bool
    is_stale: bool
    has_import_errors: bool
    age: float | None


class AirflowApi:
    """One user's session with an Airflow API server; safe to share between threads."""

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        timeout: float = 10.0,
        retries: RetryPolicy = SOON,
        waits_for_server: bool = False,
    ) -> None:
        """Point the session at `url` (without `/api/v2`); nothing is connected before the first call.

        After a server error a request is sent again as `retries` says; with `waits_for_server` also after no answer at all.
        """
        self._url = url.rstrip("/")
        self._user = user
        self._password = password
        self._http = httpx.Client(timeout=httpx.Timeout(timeout, connect=3.0), trust_env=False)
        self._token: str | None = None
        self._lock = threading.Lock()
        self._retries = retries
        self._waits_for_server = waits_for_server

    def __enter__(self) -> Self:
        """Return the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any], note: str | None = None) -> bool:
        """Create a run; False: a run with this id exists already, so that another caller was first.

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
        query = "state=queued&state=running&order_by=id"
        return [
            LiveRun(
                str(row["dag_run_id"]),
                str(row["state"]),
                str(row.get("queued_at") or row.get("run_after") or ""),
                row.get("conf") or {},
            )
            for row in self._rows(f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns?{query}", "dag_runs")
        ]

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

    def parts(self) -> list[AirflowPart]:
        """Return the scheduler, the triggerer and the DAG processor with the age of their heartbeats, by Airflow's own clock.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
        """
        response = self._send("GET", "/api/v2/monitor/health")
        self._expect_success(response, "read Airflow's health")
        health, now = _object(response), _clock(response)
        names = ("scheduler", "triggerer", "dag_processor")
        return [
            AirflowPart(name, _age((health.get(name) or {}).get(f"latest_{name}_heartbeat"), now)) for name in names
        ]

    def imported_dags(self) -> dict[str, ImportedDag]:
        """Return every DAG that was ever imported, deactivated ones too, by id.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: user or password are refused.
        """
        now = datetime.now(UTC)
        return {
            str(row["dag_id"]): ImportedDag(
                str(row.get("relative_fileloc") or ""),
                bool(row.get("is_paused")),
                bool(row.get("is_stale")),
                bool(row.get("has_import_errors")),
                _age(row.get("last_parsed_time"), now),
            )
            for row in self._rows("/api/v2/dags?exclude_stale=false", "dags")
        }

    def healthy(self) -> bool:
        """Whether Airflow can be reached and its database and scheduler are well."""
        try:
            self.ping()
        except StoreUnavailableError:
            return False
        return True

    def pools(self) -> set[str]:
        """Return the names of the pools.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: user or password are refused.
        """
        return {str(row["name"]) for row in self._rows("/api/v2/pools", "pools")}

    def create_pool(self, name: str, slots: int, description: str) -> bool:
        """Create a pool; False: there is one with this name already, which stays as it is.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: user or password are refused.
        """
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        response = self._request("POST", "/api/v2/pools", pool)
        if response.status_code == 409:
            return False
        self._expect_success(response, f"create the pool {name}")
        return True

    def dag_files(self) -> set[str]:
        """Return the files, relative to the folder of DAGs, in which Airflow has found a DAG.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: user or password are refused.
        """
        return {str(row["relative_fileloc"]) for row in self._rows("/api/v2/dags?exclude_stale=false", "dags")}

    def import_errors(self) -> dict[str, str]:
        """Return the files of DAGs that can't be imported: name -> trace.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: user or password are refused.
        """
        rows = self._rows("/api/v2/importErrors", "import_errors")
        return {str(row["filename"]): str(row["stack_trace"]) for row in rows}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send with a token; one that is refused was given by an earlier server or has expired, so it is renewed once.

        An Airflow on SQLite answers 500 while its database is locked, and may have stored what was asked for all the same. So
        what is sent here can be sent twice: a second trigger of a run is answered with 409.
        """
        token = self._bearer(refused=None)
        response = self._patiently(lambda: self._send(method, path, body, token))
        if response.status_code == 401:
            renewed = self._bearer(refused=token)
            response = self._patiently(lambda: self._send(method, path, body, renewed))
        if response.status_code in {401, 403}:
            raise ConfigurationError(
                f"Airflow at {self._url} does not allow {self._user!r} to {method} {path} (HTTP {response.status_code}); "
                "check AIRFLOW_USER, AIRFLOW_PASSWORD and that user's role."
            )
        return response

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        return self._retries.call(
            send,
            error=lambda error: self._waits_for_server and isinstance(error, StoreUnavailableError),
            result=lambda response: response.status_code in _AGAIN,
        )

    def _rows(self, path: str, key: str) -> list[Mapping[str, Any]]:
        """Read all pages of a list; what Airflow doesn't know (404) has none."""
        found: list[Mapping[str, Any]] = []
        while True:
            separator = "&" if "?" in path else "?"
            response = self._request("GET", f"{path}{separator}limit={_PAGE}&offset={len(found)}")
            if response.status_code == 404:
                return found
            self._expect_success(response, f"list {key}")
            rows = _object(response).get(key) or []
            found.extend(rows)
            if len(rows) < _PAGE:
                return found

    def _bearer(self, refused: str | None) -> str:
        with self._lock:
            if self._token is None or self._token == refused:
                self._token = self._new_token()
            return self._token

    def _new_token(self) -> str:
        login = {"username": self._user, "password": self._password}
        response = self._patiently(lambda: self._send("POST", "/auth/token", login))
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
            raise ConfigurationError(f"AIRFLOW_API_URL={self._url!r} is not a valid address: {error}") from error

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


def _clock(response: httpx.Response) -> datetime:
    """Return the server's time as its answer tells it, so that two machines' clocks need not agree."""
    try:
        return parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _age(at: object, now: datetime) -> float | None:
    try:
        return max(0.0, (now - datetime.fromisoformat(str(at))).total_seconds()) if at else None
    except (ValueError, TypeError):
        return None


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except ValueError as error:
        raise StoreUnavailableError(
            f"{response.url} answers with something that is not JSON; check AIRFLOW_API_URL."
        ) from error
    return content if isinstance(content, Mapping) else {}
