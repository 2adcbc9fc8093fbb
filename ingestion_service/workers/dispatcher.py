"""The dispatcher: starts runs for jobs that nobody has claimed, and takes in what other programs put into the stream.

A job is left alone while a run that names it is queued or running in Airflow, whichever process triggered that run. Nothing is lost
when Airflow is down: the entries stay in the stream and are looked at again.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from docgraph.domain.errors import DocgraphError, DocumentError, IllegalTransitionError, StateUnreadableError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import JobState, JobStatus, Operation
from docgraph.ingest import intake
from docgraph.ingest.airflow_api import AirflowApi, LiveRun
from docgraph.ingest.intake import NewJob
from docgraph.ingest.launcher import INGEST_DAG, RunLauncher
from docgraph.runtime.connections import Runtime
from docgraph.state import StreamEntry, UnreadableJob
from docgraph.state.jobs import FOREIGN_FIELD_LIMIT
from ingestion_service.metrics import ServiceMetrics

#: Entries looked at in one round; older ones first.
ENTRIES_A_ROUND = 10_000
#: Seconds after which a job is tried again for which a run was started and is live no more: doubled each time.
FIRST_BACK_OFF = 4.0
LONGEST_BACK_OFF = 300.0
#: Seconds for which a job is left alone once a live run was found that will claim it.
COVERED_SECONDS = 3.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Tried:
    """How often a run was started for a job's attempt, and before when it is not tried again (monotonic seconds)."""

    times: int
    not_before: float


class Dispatcher:
    """One round at a time (`tick`); holds only the back-off, so that another replica can take over at any moment."""

    def __init__(self, runtime: Runtime, airflow: AirflowApi, launcher: RunLauncher, metrics: ServiceMetrics) -> None:
        """Keep the connections."""
        self._runtime = runtime
        self._airflow = airflow
        self._launcher = launcher
        self._metrics = metrics
        self._tried: dict[tuple[str, int], _Tried] = {}
        self._said: set[str] = set()

    def tick(self) -> None:
        """Look at what waits unclaimed and do what is due.

        Raises:
            InfrastructureError: Redis or Airflow can't be reached; the next round does it.
            ConfigurationError: Airflow refuses the user.
        """
        settings = self._runtime.config.dispatch
        entries = self._runtime.state.jobs.waiting(settings.unclaimed_seconds, limit=ENTRIES_A_ROUND)
        if not entries:
            self._tried.clear()
            return
        foreign = [entry for entry in entries if entry.is_foreign]
        admitted = self._take_in(foreign)
        named = [entry.fields["job_id"] for entry in entries if entry.status == JobStatus.QUEUED]
        states, unreadable = self._runtime.state.jobs.look_at(dict.fromkeys([*named, *admitted]))
        self._say_once(unreadable)
        waiting = [state for state in states if state.status is JobStatus.QUEUED]
        self._forget_all_but(waiting)
        due = [state for state in waiting if self._is_due(state)]
        if not due:
            return
        uncovered = not_covered(due, self._airflow.live_runs(INGEST_DAG))
        self._leave_alone(set(map(_key, due)) - set(map(_key, uncovered)))
        for launch in self._launcher.ingest(
            uncovered, note="Started by the dispatcher: no run had claimed these jobs."
        ):
            if launch.error is not None:
                raise launch.error
            _log.info("Run %s for %d unclaimed jobs of %s.", launch.run_id, len(launch.jobs), launch.tag)
            self._leave_to_run(launch.jobs)

    def _say_once(self, unreadable: Sequence[UnreadableJob]) -> None:
        for each in unreadable:
            if each.key not in self._said:
                _log.warning("%s is left alone, because it can't be read: %s.", each.key, each.reason)
        self._said = {each.key for each in unreadable}

    def _leave_to_run(self, jobs: Sequence[JobState]) -> None:
        for state in jobs:
            tried = self._tried.get(_key(state), _Tried(0, 0.0))
            pause = min(FIRST_BACK_OFF * 2**tried.times, LONGEST_BACK_OFF)
            self._tried[_key(state)] = _Tried(tried.times + 1, time.monotonic() + pause)

    def _leave_alone(self, covered: Iterable[tuple[str, int]]) -> None:
        for key in covered:
            times = self._tried[key].times if key in self._tried else 0
            self._tried[key] = _Tried(times, time.monotonic() + COVERED_SECONDS)

    def _is_due(self, state: JobState) -> bool:
        tried = self._tried.get(_key(state))
        return tried is None or tried.not_before <= time.monotonic()

    def _forget_all_but(self, waiting: Iterable[JobState]) -> None:
        keys = {_key(state) for state in waiting}
        self._tried = {key: tried for key, tried in self._tried.items() if key in keys}

    def _take_in(self, entries: Sequence[StreamEntry]) -> list[str]:
        """Give each foreign entry a job, or a failed one that says why not; return the ids of those that are queued."""
        usable: list[tuple[StreamEntry, NewJob]] = []
        for entry in entries:
            try:
                new = read_entry(entry.fields)
                intake.check(self._runtime, new)
            except DocumentError as error:
                self._reject(entry, error.code, str(error))
            except DocgraphError:
                raise
            except Exception as error:  # noqa: BLE001 - it is set aside with its trace; the entries beside it go on
                self._reject_unexpected(entry, error)
            else:
                usable.append((entry, new))
        versions = intake.committed_versions(self._runtime, [document_id(new.tag, new.source_uri) for _, new in usable])
        admitted: list[str] = []
        for entry, new in usable:
            job = replace(
                intake.as_job(new), job_id=entry.fields["job_id"], created_at=entry.fields.get("created_at", "")
            )
            try:
                version = versions.get(document_id(job.tag, job.source_uri), 0)
                admitted.append(self._runtime.state.jobs.admit(entry.entry_id, job, version).job_id)
            except IllegalTransitionError as error:
                self._reject(entry, "job_id_in_use", str(error))
            except StateUnreadableError as error:
                self._reject(entry, "state_unreadable", str(error))
            except DocgraphError:
                raise
            except Exception as error:  # noqa: BLE001 - it is set aside with its trace; the entries beside it go on
                self._reject_unexpected(entry, error)
            else:
                self._metrics.foreign_entries.labels("admitted").inc()
        return admitted

    def _reject_unexpected(self, entry: StreamEntry, error: Exception) -> None:
        """Set an entry aside that no check foresaw, with its trace in the log: the entries beside it go on."""
        _log.error("Entry %s of ingest:jobs can't be read:", entry.entry_id, exc_info=error)
        self._reject(
            entry,
            "unexpected",
            f"The entry can't be taken in: {type(error).__name__}: {error}. This is a fault of docgraph: report it with the entry "
            "and the service's log.",
        )

    def _reject(self, entry: StreamEntry, code: str, message: str) -> None:
        job_id = self._runtime.state.jobs.reject(entry.entry_id, entry.fields, code, message)
        self._metrics.foreign_entries.labels("rejected").inc()
        _log.warning("Entry %s of ingest:jobs was rejected as job %s: %s", entry.entry_id, job_id, message)


def read_entry(fields: dict[str, str]) -> NewJob:
    """Read an entry that another program wrote: the specification's job schema, plus `op`.

    Raises:
        DocumentError: a field is missing or can't be what it says.
    """
    for name in ("job_id", "source_uri", "tag"):
        if not fields.get(name):
            raise DocumentError(f"The entry has no field {name!r}; see docs/reference/redis-contracts.md.")
    for name in ("job_id", "checksum", "content_type", "created_at"):
        if len(fields.get(name, "")) > FOREIGN_FIELD_LIMIT:
            raise DocumentError(
                f"{name} has {len(fields[name]):,} characters, and {FOREIGN_FIELD_LIMIT:,} is the limit; send what the field is for."
            )
    try:
        uuid.UUID(fields["job_id"])
    except ValueError as error:
        raise DocumentError(f"job_id {fields['job_id']!r} is no UUID.") from error
    operation = fields.get("op") or Operation.UPSERT.value
    if operation not in set(Operation):
        raise DocumentError(f"op {operation!r} is unknown; it is 'upsert' or 'delete'.")
    try:
        created_at = fields.get("created_at", "")
        if created_at:
            datetime.fromisoformat(created_at)
    except ValueError as error:
        raise DocumentError(f"created_at {created_at!r} is no RFC 3339 time.") from error
    return NewJob(
        source_uri=fields["source_uri"],
        tag=fields["tag"],
        checksum=fields.get("checksum", "").lower(),
        content_type=fields.get("content_type") or "text/markdown",
        op=Operation(operation),
    )


def not_covered(jobs: Sequence[JobState], runs: Sequence[LiveRun]) -> list[JobState]:
    """Return the jobs that no live run is about to claim.

    A run covers the jobs that its configuration names (without names: all of its tag) if it was made after the job entered
    the queue; an earlier one, that has claimed already, will not look again.
    """
    return [state for state in jobs if not any(_covers(run, state) for run in runs)]


def _covers(run: LiveRun, state: JobState) -> bool:
    if run.conf.get("tag") != state.job.tag:
        return False
    job_ids = run.conf.get("job_ids")
    # Anyone may trigger the DAG with any configuration.
    if job_ids is not None and not (isinstance(job_ids, list) and state.job.job_id in job_ids):
        return False
    return run.state == "queued" or _time(run.queued_at) >= _time(state.queued_at)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _key(state: JobState) -> tuple[str, int]:
    return state.job.job_id, state.attempt
