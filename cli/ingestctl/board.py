"""Where each document stands, as the command line knows it: a plain model that events change and views draw.

Nothing here prints or waits; times are seconds of a monotonic clock that is passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from docgraph.domain.jobs import STAGES, Event, JobStatus

if TYPE_CHECKING:
    from docgraph.api.jobs import Job

#: Share of a document's bar that each step takes: embedding is where the time goes.
WEIGHTS = {
    "upload": 0.04,
    "parse": 0.04,
    "extract": 0.04,
    "build_graph": 0.04,
    "embed": 0.68,
    "vector_upsert": 0.08,
    "reconcile": 0.08,
}
#: What a person reads for the stage's name.
LABELS = {"build_graph": "build graph", "vector_upsert": "store vectors", "reconcile": "commit"}


class Phase(Enum):
    """What a row is doing, for its icon, its colour and the counts at the bottom."""

    WAITING = "waiting"
    ACTIVE = "active"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether the row will not change any more."""
        # By identity: hashing members is slow, and views ask this of every row ten times a second.
        return self is Phase.DONE or self is Phase.FAILED or self is Phase.CANCELLED


@dataclass(slots=True)
class Row:
    """One document on the board."""

    name: str
    phase: Phase = Phase.WAITING
    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    message: str = ""
    outcome: str = ""
    fraction: float = 0.0
    began: float | None = None
    ended: float | None = None
    embedded: int = 0

    @property
    def label(self) -> str:
        """What the document is at, in a person's words."""
        if self.phase.is_over:
            return self.outcome or self.phase.value
        if self.phase is Phase.PAUSED:
            return "paused"
        if self.phase is Phase.WAITING:
            return "queued"
        return LABELS.get(self.stage, self.stage) or "starting"

    def elapsed(self, now: float) -> float | None:
        """Seconds of work so far, or altogether once it is over."""
        return None if self.began is None else (self.ended if self.ended is not None else now) - self.began


@dataclass(slots=True)
class Board:
    """All documents of one command, in the order in which they were named."""

    rows: list[Row] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    #: Set while the service is out of reach.
    trouble: str = ""
    #: What is waited for once all documents are over.
    waiting_for: str = ""
    began: float = 0.0
    #: How many documents are over; counted here, because views ask at every event.
    over: int = 0
    _by_job: dict[str, Row] = field(default_factory=dict)
    _embedding_since: float | None = None

    def __post_init__(self) -> None:
        self.began = self.clock()

    def add(self, name: str, job_id: str | None = None) -> Row:
        """Put a document on the board."""
        row = Row(name)
        self.rows.append(row)
        if job_id is not None:
            self.bind(job_id, row)
        return row

    def bind(self, job_id: str, row: Row) -> None:
        """Say which row the events of a job belong to."""
        row.stage, row.done, row.total, row.unit = "", 0, 0, ""
        row.phase = Phase.WAITING
        self._by_job[job_id] = row

    def row(self, job_id: str) -> Row | None:
        """Return the row of a job."""
        return self._by_job.get(job_id)

    def uploading(self, row: Row, done: int, total: int) -> None:
        """Note how many bytes of a file are read and sent."""
        row.phase, row.stage, row.unit = Phase.ACTIVE, "upload", "bytes"
        row.began = self.clock() if row.began is None else row.began
        row.done, row.total = done, total
        row.fraction = max(row.fraction, _reached("upload", done, total))

    def reject(self, row: Row, message: str) -> None:
        """Note that a file is not sent."""
        row.phase, row.outcome, row.message, row.ended = Phase.FAILED, "not sent", message, self.clock()
        self.over += 1

    def progressed(self, job_id: str, event: Event) -> Row | None:
        """Take in an event; returns the row that it changed."""
        row = self._by_job.get(job_id)
        if row is None or row.phase.is_over:
            return None
        if event.status == JobStatus.QUEUED:
            row.phase, row.stage = Phase.WAITING, ""
            return row
        row.phase = Phase.PAUSED if event.status == JobStatus.PAUSED else Phase.ACTIVE
        row.began = self.clock() if row.began is None else row.began
        row.stage = event.stage or row.stage
        row.done, row.total, row.unit, row.message = event.done, event.total, event.unit, event.message
        row.fraction = max(row.fraction, _reached(row.stage, event.done, event.total))
        if event.stage == "embed":
            row.embedded = max(row.embedded, event.done)
            self._embedding_since = self.clock() if self._embedding_since is None else self._embedding_since
        return row

    def finished(self, record: Job) -> Row | None:
        """Take in a job's last state; returns its row."""
        row = self._by_job.get(record.job_id)
        if row is None or row.phase.is_over:
            return None
        self.over += 1
        row.phase = {
            JobStatus.COMPLETED: Phase.DONE,
            JobStatus.CANCELLED: Phase.CANCELLED,
        }.get(record.status, Phase.FAILED)
        row.stage, row.outcome, row.message = record.stage, record.outcome or record.status.value, record.error
        row.done = row.total = record.counts.get("embedded", 0) + record.counts.get("reused", 0)
        row.unit = "sections" if row.total else ""
        row.fraction = 1.0 if row.phase is Phase.DONE else row.fraction
        row.ended = self.clock()
        row.began = row.ended if row.began is None else row.began
        return row

    def count(self, phase: Phase) -> int:
        """Return how many rows are in the phase."""
        return sum(row.phase is phase for row in self.rows)

    @property
    def fraction(self) -> float:
        """How much of the whole work is done, 0..1."""
        if not self.rows:
            return 0.0
        return sum(1.0 if row.phase.is_over else row.fraction for row in self.rows) / len(self.rows)

    def elapsed(self) -> float:
        """Seconds since the command began."""
        return self.clock() - self.began

    def seconds_left(self) -> float | None:
        """Estimate the seconds left from the share done; None while there is too little to go by."""
        elapsed, fraction = self.elapsed(), self.fraction
        if fraction < 0.05 or elapsed < 2 or fraction >= 1:
            return None
        return elapsed * (1 - fraction) / fraction

    def sections_per_second(self) -> float | None:
        """Return the rate of embedding since it began; None before that."""
        if self._embedding_since is None:
            return None
        seconds = self.clock() - self._embedding_since
        embedded = sum(row.embedded for row in self.rows)
        return embedded / seconds if seconds >= 1 and embedded else None


def _reached(stage: str, done: int, total: int) -> float:
    """Return the share of a document's work that is done in the middle of a stage."""
    before = 0.0
    for name, weight in WEIGHTS.items():
        if name == stage:
            return before + (weight * min(done / total, 1.0) if total > 0 else 0.0)
        before += weight
    return 0.0


assert set(STAGES) < set(WEIGHTS)
