"""Following jobs by the service's server-sent events until all are final, across restarts of the service.

It yields what happened; how that looks is `progress.py`, what it means for the exit code is the commands' business.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
from httpx_sse import EventSource, SSEError

from docgraph.api.jobs import JobDetails, Progress
from docgraph.domain.jobs import Event, JobStatus
from ingestctl.client import ServiceClient
from ingestctl.errors import CommandError, UnreachableError
from ingestctl.transport import decoded

#: Jobs named in one stream's address: with ids of 36 characters it stays far below the 16 KiB that servers accept.
JOBS_PER_STREAM = 200
#: Seconds without any contact after which a lost service is given up.
PATIENCE = 300.0
#: Seconds between two attempts to connect again.
RECONNECT_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Progressed:
    """A job's event arrived."""

    job_id: str
    event: Event


@dataclass(frozen=True, slots=True)
class Finished:
    """A job is final; `record` is its last state."""

    record: JobDetails


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The service is out of reach; it is tried again until `PATIENCE` is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The service is back; nothing was missed."""


Update = Progressed | Finished | Disconnected | Reconnected


def follow(client: ServiceClient, job_ids: Sequence[str], *, patience: float = PATIENCE) -> Iterator[Update]:
    """Yield what happens to the jobs, from their first event on, until all of them are final.

    Raises:
        NotFoundError: the service does not know one of the jobs.
        UnreachableError: the service stayed out of reach for `patience` seconds.
    """
    updates: queue.SimpleQueue[Update | CommandError | None] = queue.SimpleQueue()
    stop = threading.Event()
    batches = [job_ids[start : start + JOBS_PER_STREAM] for start in range(0, len(job_ids), JOBS_PER_STREAM)]
    for batch in batches:
        stream = _Stream(client, batch, updates, stop, patience)
        threading.Thread(target=stream.run, name="ingestctl-events", daemon=True).start()
    open_streams = len(batches)
    try:
        while open_streams:
            try:
                # Short waits keep the main thread open for Ctrl-C on every platform.
                update = updates.get(timeout=0.5)
            except queue.Empty:
                continue
            if isinstance(update, CommandError):
                raise update
            if update is None:
                open_streams -= 1
            else:
                yield update
    finally:
        stop.set()


class _Stream:
    """One connection (and its successors) that follows some of the jobs, in a thread of its own."""

    def __init__(
        self,
        client: ServiceClient,
        job_ids: Sequence[str],
        updates: queue.SimpleQueue[Update | CommandError | None],
        stop: threading.Event,
        patience: float,
    ) -> None:
        self._client = client
        self._updates = updates
        self._stop = stop
        self._patience = patience
        self._open = dict.fromkeys(job_ids)
        self._params = httpx.QueryParams([("job", job_id) for job_id in job_ids])
        self._last_event_id = ""
        self._lost_at: float | None = None

    def run(self) -> None:
        """Follow until the end, and leave None, or the error, as the last update."""
        try:
            while not self._stop.is_set() and not self._ended():
                self._stop.wait(RECONNECT_PAUSE)
        except CommandError as error:
            self._updates.put(error)
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost, and the command would wait for ever
            self._updates.put(CommandError(f"Following the jobs failed: {type(error).__name__}: {error}."))
        else:
            self._updates.put(None)

    def _ended(self) -> bool:
        """Read one connection to its end; True when all jobs are final, False when it broke and has to be made again."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._last_event_id:
            headers["Last-Event-ID"] = self._last_event_id
        try:
            with self._client.stream("/v1/events", params=self._params, headers=headers) as response:
                self._client.check(response, "GET /v1/events")
                self._back()
                if self._read(response):
                    for job_id in list(self._open):
                        self._finish_if_final(job_id)
                    return not self._open
            self._lost("the stream of events ended early")
        except (httpx.TransportError, SSEError) as error:
            self._lost(str(error) or type(error).__name__)
        except UnreachableError as error:
            if error.code == "unauthorized":
                raise
            self._lost(str(error))
        return False

    def _read(self, response: httpx.Response) -> bool:
        """Pass the events on; True when the service says that there will be no more."""
        for message in EventSource(response).iter_sse():
            if self._stop.is_set():
                return False
            self._last_event_id = message.id or self._last_event_id
            if message.event == "end":
                return True
            # A heartbeat's blank line decodes as a message without data.
            if message.event != "progress" or not message.data:
                continue
            job_id, event = event_from_json(message.data)
            self._updates.put(Progressed(job_id, event))
            if is_final(event.status):
                self._finish_if_final(job_id)
        return False

    def _finish_if_final(self, job_id: str) -> None:
        """Ask for the job itself: an event that says `failed` may be a stage's, which Airflow tries again."""
        if job_id in self._open and (record := self._client.job(job_id)).status.is_final:
            del self._open[job_id]
            self._updates.put(Finished(record))

    def _lost(self, reason: str) -> None:
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            self._updates.put(Disconnected(reason))
        if now - self._lost_at > self._patience:
            raise UnreachableError(
                f"The ingestion service at {self._client.url} has been out of reach for {self._patience:.0f} s: {reason}.",
                hint="The jobs go on without you. Look at `make status`; then `ingestctl tail JOB` follows them again.",
                code="unreachable",
            )

    def _back(self) -> None:
        if self._lost_at is not None:
            self._lost_at = None
            self._updates.put(Reconnected())


def is_final(status: str) -> bool:
    """Whether an event's status may be a job's last one."""
    return status in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


def event_from_json(text: str) -> tuple[str, Event]:
    """Read an event's data: the job's id and the event; fields that this version does not know are ignored.

    Raises:
        CommandError: it is not an event.
    """
    try:
        progress = decoded(Progress, json.loads(text))
    except ValueError as error:
        raise CommandError(
            f"The service sent an event that is not JSON: {error}.",
            hint="Is it the ingestion service that listens there? `ingestctl version` asks it.",
            code="not_json",
        ) from error
    return progress.job_id, progress.as_event()
