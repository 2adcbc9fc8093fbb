"""The client of the ingestion service: HTTP, the bearer token, retries, and errors that say what to do.

It knows the service's addresses and shapes; it decides nothing about files, progress or output.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from docgraph.domain.jobs import Job, JobState, JobStatus, Operation
from ingestctl.errors import CommandError, NotFoundError, RefusedError, UnreachableError, UsageError

#: A request that fails on the way is tried this often; the pauses in between double from the first one, in seconds.
ATTEMPTS = 5
FIRST_PAUSE = 0.2
#: Seconds: to connect, and between two pieces of an answer.
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 60.0
JOBS_PER_REQUEST = 500
_PASSING = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the service tells it: the model's state, the checkpoints, and the JSON as it came."""

    state: JobState
    checkpoints: Mapping[str, Mapping[str, Any]]
    raw: Mapping[str, Any]

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> JobRecord:
        """Read the flat JSON of a job; fields that this version does not know are ignored.

        Raises:
            CommandError: a field that every job has is missing.
        """
        try:
            job = Job(
                **{
                    **{f.name: raw[f.name] for f in fields(Job) if f.name in raw},
                    "op": Operation(raw.get("op", Operation.UPSERT)),
                }
            )
            known = {f.name: raw[f.name] for f in fields(JobState) if f.name in raw}
            state = JobState(**{**known, "job": job, "status": JobStatus(raw["status"])})
        except (KeyError, TypeError, ValueError) as error:
            raise CommandError(
                f"The service described job {raw.get('job_id', '?')} in a way that this ingestctl can't read: {error}.",
                hint="Use the ingestctl of the same release as the service (`ingestctl version` shows both).",
                code="version_mismatch",
            ) from error
        return cls(state=state, checkpoints=raw.get("checkpoints") or {}, raw=raw)

    @property
    def seconds(self) -> float | None:
        """Seconds from start to end (or to the last sign of life), if the job has started."""
        started = parse_time(self.state.started_at)
        ended = parse_time(self.state.finished_at) or parse_time(self.state.updated_at)
        return max(0.0, (ended - started).total_seconds()) if started and ended else None


def parse_time(text: str) -> datetime | None:
    """Read an RFC 3339 time; None for an empty or unreadable one."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


class ServiceClient:
    """The ingestion service at `url`."""

    def __init__(self, url: str, token: str, *, attempts: int = ATTEMPTS, first_pause: float = FIRST_PAUSE) -> None:
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._first_pause = first_pause
        self._met = False
        try:
            self._http = httpx.Client(
                base_url=self.url,
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
                limits=httpx.Limits(max_connections=None),
                # A proxy from the environment has no business between the operator and a service on the loopback.
                trust_env=False,
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise UsageError(
                f"The service's address {url!r} or its token can't be used: {error}.",
                hint="Check DOCGRAPH_SERVICE_URL, DOCGRAPH_TOKEN and --service.",
                code="configuration",
            ) from error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def health(self) -> dict[str, Any]:
        """Return what the service says about itself."""
        return self._json("GET", "/health")

    def ready(self, tag: str | None) -> dict[str, Any]:
        """Return the checks and the dataset's last verdict; not being ready is an answer, no error."""
        response = self._request("GET", "/ready", params=_given(tag=tag), accept=(503,), retry=False)
        answer = _decoded(response)
        if not isinstance(answer, dict) or "ready" not in answer:
            raise self._error(response, "GET /ready")
        return answer

    def has_snapshot(self, sha256: str) -> bool:
        """Whether the service holds these bytes already."""
        return self._request("HEAD", f"/v1/snapshots/{sha256}", accept=(404,)).status_code != 404

    def upload(self, chunks: Callable[[], Iterator[bytes]]) -> str:
        """Send a document's bytes and return the SHA-256 (hex) of what arrived; `chunks` is called once an attempt."""
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._json("POST", "/v1/snapshots", content=chunks, headers=headers)
        return str(answer["sha256"])

    def post_jobs(self, jobs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Queue at most `JOBS_PER_REQUEST` jobs and trigger their runs."""
        return self._json("POST", "/v1/jobs", json={"jobs": list(jobs), "trigger": True})

    def jobs(self, *, tag: str | None, status: str | None, run_id: str | None, limit: int) -> list[JobRecord]:
        """Return jobs, newest first."""
        answer = self._json("GET", "/v1/jobs", params=_given(tag=tag, status=status, run_id=run_id, limit=limit))
        return [JobRecord.from_json(raw) for raw in answer["jobs"]]

    def job(self, job_id: str) -> JobRecord:
        """Return one job with its checkpoints."""
        return JobRecord.from_json(self._json("GET", f"/v1/jobs/{_segment(job_id)}"))

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancel a job; RefusedError when it is final."""
        return self._json("POST", f"/v1/jobs/{_segment(job_id)}/cancel")

    def resume(self, job_id: str) -> dict[str, Any]:
        """Queue a failed or cancelled job again; RefusedError otherwise."""
        return self._json("POST", f"/v1/jobs/{_segment(job_id)}/resume")

    def job_report(self, job_id: str) -> dict[str, Any]:
        """Return the report of the run that a job belonged to."""
        return self._json("GET", f"/v1/jobs/{_segment(job_id)}/report")

    def job_report_as(self, job_id: str, form: str) -> str:
        """Return a job's report as `md` or `html`."""
        return self._request("GET", f"/v1/jobs/{_segment(job_id)}/report", params={"format": form}).text

    def latest_report(self, tag: str | None) -> dict[str, Any]:
        """Return the newest report (of a dataset)."""
        return self._json("GET", "/v1/reports/latest", params=_given(tag=tag))

    def report(self, report_id: str) -> dict[str, Any]:
        """Return the report with this id."""
        return self._json("GET", f"/v1/reports/{_segment(report_id)}")

    def report_as(self, report_id: str, form: str) -> str:
        """Return a report as `md` or `html`."""
        return self._request("GET", f"/v1/reports/{_segment(report_id)}", params={"format": form}).text

    def search(self, query: str, tag: str, **filters: str | int | None) -> dict[str, Any]:
        """Return the evidence for a query."""
        return self._json("GET", "/v1/search", params={"q": query, "tag": tag, **_given(**filters)})

    def explain(self, addresses: Sequence[str], tag: str | None, checksum: str) -> dict[str, Any]:
        """Return the way of the document at the first of the addresses that is known, link by link."""
        return self._json(
            "GET", "/v1/explain", params={"uri": list(addresses), **_given(tag=tag, checksum=checksum or None)}
        )

    def datasets(self) -> list[dict[str, Any]]:
        """Return all datasets."""
        answer = self._any_json("GET", "/v1/datasets")
        return list(answer["datasets"] if isinstance(answer, dict) else answer)

    def embeddings(self, tag: str, run_id: str | None = None) -> dict[str, Any]:
        """Return the dataset's embedding versions and how far a move is."""
        return self._json("GET", f"/v1/datasets/{_segment(tag)}/embeddings", params=_given(run_id=run_id))

    def reembed(self, tag: str, to: str | None) -> dict[str, Any]:
        """Start the dataset's move to another embedding version, or go on with it; RefusedError where it can't move."""
        return self._json("POST", f"/v1/datasets/{_segment(tag)}/reembed", json=_given(to=to))

    def abort_reembedding(self, tag: str) -> dict[str, Any]:
        """Give up the version that is being built; RefusedError where there is none."""
        return self._json("POST", f"/v1/datasets/{_segment(tag)}/reembed/abort")

    def retire_embeddings(self, tag: str, version: str) -> dict[str, Any]:
        """Delete the dataset's points of an earlier version; RefusedError where it is none."""
        return self._json("DELETE", f"/v1/datasets/{_segment(tag)}/embeddings/{_segment(version)}")

    def stream(self, path: str, *, params: httpx.QueryParams, headers: Mapping[str, str]) -> Any:
        """Open a streamed GET, for server-sent events; the caller handles transport errors."""
        return self._http.stream("GET", path, params=params, headers=dict(headers))

    def operation(self, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Start a long operation and yield what it tells until it has ended.

        Raises:
            UnreachableError: the service, or a store that it needs, does not answer, or the connection broke.
            CommandError: the operation failed.
        """
        what = f"POST {path}"
        try:
            with self._http.stream("POST", path, json=dict(body)) as response:
                self.check(response, what)
                for line in response.iter_lines():
                    event = json.loads(line)
                    kind = event.get("event")
                    if kind == "error":
                        raise self._told(event.get("error") or {}, what)
                    yield event
                    if kind == "end":
                        return
        except httpx.TransportError as error:
            raise self.unreachable(error) from error
        raise UnreachableError(
            f"The connection to {self.url} ended before {what} did.",
            hint="Run it again: what was done stays done. `ingestctl ready` shows whether the service is up.",
            code="broken_off",
        )

    def _told(self, error: Mapping[str, Any], what: str) -> CommandError:
        code = str(error.get("code") or "failed")
        message, hint = str(error.get("message") or f"{what} failed."), str(error.get("hint") or "")
        if code == "store_unavailable":
            return UnreachableError(
                message,
                hint=hint or "`ingestctl ready` shows which part is missing; try again when it is back.",
                code=code,
            )
        return CommandError(message, hint=hint, code=code)

    def check(self, response: httpx.Response, what: str) -> None:
        """Raise what belongs to a response that is an error."""
        if response.status_code >= 400:
            response.read()
            raise self._error(response, what)

    def unreachable(self, error: Exception) -> UnreachableError:
        """Return the error that says the service did not answer."""
        reason = str(error).rstrip(".") or type(error).__name__
        return UnreachableError(
            f"The ingestion service at {self.url} does not answer: {reason}.",
            hint="Start it (`make up`, then `make status`), or name another with --service or DOCGRAPH_SERVICE_URL.",
            code="unreachable",
        )

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._any_json(method, path, **options)
        return answer if isinstance(answer, dict) else {}

    def _any_json(self, method: str, path: str, **options: Any) -> Any:
        response = self._request(method, path, **options)
        answer = _decoded(response)
        if answer is None:
            raise CommandError(
                f"{method} {self.url}{path} answered with something that is not JSON.",
                hint="Is it the ingestion service that listens there? --service names another address.",
                code="not_json",
            )
        return answer

    def _request(
        self,
        method: str,
        path: str,
        *,
        accept: Sequence[int] = (),
        retry: bool = True,
        content: Callable[[], Iterator[bytes]] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request; what fails on the way is tried again (every request here may be repeated without harm)."""
        attempts = self._attempts if retry else 1
        for attempt in range(1, attempts + 1):
            pause = self._first_pause * 2 ** (attempt - 1)
            try:
                body = content() if content else None
                response = self._http.request(method, path, content=body, **options)
            except httpx.TransportError as error:
                # A service that never answered is not started, and waiting won't start it; one that did may be restarting.
                if attempt == attempts or not self._met:
                    raise self.unreachable(error) from error
                time.sleep(pause)
                continue
            self._met = True
            if response.status_code in accept or response.status_code < 400:
                return response
            if response.status_code not in _PASSING or attempt == attempts:
                raise self._error(response, f"{method} {path}")
            time.sleep(min(_retry_after(response) or pause, 30.0))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _error(self, response: httpx.Response, what: str) -> CommandError:
        status = response.status_code
        code, message, hint = _error_body(response)
        if status in {401, 403}:
            return UnreachableError(
                f"The service at {self.url} does not accept the token ({what}): {message or 'not authorised'}.",
                hint=hint or "Set DOCGRAPH_TOKEN to the token in the .env file of the service's DOCGRAPH_HOME.",
                code=code or "unauthorized",
            )
        if status == 404:
            return NotFoundError(
                message or f"{self.url} knows nothing at {what}.",
                hint=hint
                or ("" if message else "Is it the ingestion service that listens there? `ingestctl version` asks it."),
                code=code or "not_found",
            )
        if status in _PASSING:
            return UnreachableError(
                f"The service at {self.url} can't work now ({what}, HTTP {status}): {message or 'no reason given'}",
                hint=hint or "`ingestctl ready` shows which part is missing; try again when it is back.",
                code=code or "unavailable",
            )
        kind = CommandError if status >= 500 else RefusedError
        return kind(
            message or f"{what} failed with HTTP {status}.",
            hint=hint or ("Look at the service's log." if status >= 500 else ""),
            code=code or f"http_{status}",
        )


def _given(**values: str | int | None) -> dict[str, str | int]:
    return {key: value for key, value in values.items() if value is not None}


def _segment(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise UsageError(f"{text!r} is not an id: it holds bytes that are no text.") from error


def _decoded(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _error_body(response: httpx.Response) -> tuple[str, str, str]:
    """Read `{"error": {code, message, hint}}`, or FastAPI's own `{"detail": …}`."""
    body = _decoded(response)
    if not isinstance(body, dict):
        return "", "", ""
    if isinstance(error := body.get("error"), dict):
        return str(error.get("code") or ""), str(error.get("message") or ""), str(error.get("hint") or "")
    detail = body.get("detail")
    if isinstance(detail, list):
        detail = "; ".join(
            f"{'.'.join(str(part) for part in item.get('loc', ()))}: {item.get('msg', '')}"
            for item in detail
            if isinstance(item, dict)
        )
    return "", str(detail or ""), ""
