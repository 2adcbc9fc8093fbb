"""What Redis holds of jobs, as values: a request's answer, a stage's checkpoint, an entry of the stream, a job's state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from docgraph.domain.errors import StateUnreadableError
from docgraph.domain.jobs import Job, JobState, JobStatus, Operation
from docgraph.state import keys
from docgraph.state.gate import GateState


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of a request: the job that answers for it, and which job it replaced."""

    job_id: str
    version: int
    deduplicated: bool
    superseded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A stage that is done for a job: what it was made from, where the artifact is, how much and how long it was."""

    fingerprint: str
    artifact: str
    items: int = 0
    seconds: float = 0.0
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnreadableJob:
    """A job that is known by its id and whose hash can't be read: which key, why, and the fields that it has."""

    job_id: str
    key: str
    reason: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """An entry of `ingest:jobs` that nobody has claimed; `status` is its job's, empty where it has none yet (a foreign entry)."""

    entry_id: str
    fields: dict[str, str]
    age_seconds: float
    status: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether the entry was added by another program and not yet admitted or rejected."""
        return not self.status


@dataclass(frozen=True, slots=True)
class BegunStage:
    """What a stage finds when it begins with a job, all of one moment."""

    #: Whether the job is this run's to work on: not cancelled, ended or taken by another.
    live: bool
    #: None where no job has the id.
    state: JobState | None
    #: What the stages have left behind for the job.
    checkpoints: dict[str, Checkpoint]
    gate: GateState


def checkpoints_of(fields: Mapping[str, str]) -> dict[str, Checkpoint]:
    """Read the hash of a job's checkpoints, by stage; one that can't be read is none: its stage is done again."""
    found = {stage: checkpoint_of(raw) for stage, raw in fields.items() if stage != "v"}
    return {stage: checkpoint for stage, checkpoint in found.items() if checkpoint is not None}


def checkpoint_of(raw: str) -> Checkpoint | None:
    """Read what a stage left behind; None where that can't be read."""
    try:
        values = json.loads(raw)
        return Checkpoint(
            fingerprint=str(values["fingerprint"]),
            artifact=str(values["artifact"]),
            items=int(values.get("items", 0)),
            seconds=float(values.get("seconds", 0.0)),
            extra={str(name): str(value) for name, value in values.get("extra", {}).items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def state_of(fields: Mapping[str, Any]) -> JobState:
    """Read the hash of a job.

    Raises:
        StateUnreadableError: a newer docgraph wrote it, a field is missing, or one can't be what it says.
    """
    try:
        version = int(fields.get("v") or 0)
        if version <= keys.SCHEMA_VERSION:
            return _state_of(fields)
    except KeyError as error:
        raise StateUnreadableError(f"the field {error} is missing") from error
    except ValueError as error:
        raise StateUnreadableError(f"a field can't be what it says: {error}") from error
    raise StateUnreadableError(
        f"Job {fields.get('job_id')} was written by a newer docgraph (schema {version}, this one reads up to "
        f"{keys.SCHEMA_VERSION}); upgrade this process."
    )


def _state_of(fields: Mapping[str, Any]) -> JobState:
    for name in ("queued_at", "started_at", "finished_at", "updated_at"):
        if fields.get(name):
            datetime.fromisoformat(fields[name])
    job = Job(
        job_id=fields["job_id"],
        source_uri=fields["source_uri"],
        content_type=fields["content_type"],
        checksum=fields["checksum"],
        tag=fields["tag"],
        created_at=fields["created_at"],
        op=Operation(fields["op"]),
        version=int(fields["version"]),
        size=int(fields["size"]),
    )
    return JobState(
        job=job,
        document_id=fields["document_id"],
        status=JobStatus(fields["status"]),
        stage=fields.get("stage", ""),
        outcome=fields.get("outcome", ""),
        attempt=int(fields.get("attempt") or 1),
        since=int(fields.get("since") or 0),
        fence=int(fields.get("fence") or 0),
        run_id=fields.get("run_id", ""),
        counts={
            name.removeprefix(keys.COUNT_FIELD_PREFIX): int(value)
            for name, value in fields.items()
            if name.startswith(keys.COUNT_FIELD_PREFIX)
        },
        queued_at=fields.get("queued_at", ""),
        started_at=fields.get("started_at", ""),
        finished_at=fields.get("finished_at", ""),
        updated_at=fields.get("updated_at", ""),
        error=fields.get("error", ""),
        error_code=fields.get("error_code", ""),
        report=fields.get("report", ""),
    )
