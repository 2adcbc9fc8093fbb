"""Signs of life of the intake: who looked when for the last time, and when work was last seen to go on.

All ages are by the clock of Redis. What a sign means is judged in `docgraph.readiness.liveness`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from docgraph.domain.jobs import JobStatus
from docgraph.state import keys
from docgraph.state.server import Server

#: Running jobs that are looked at; of more, the oldest.
_LOOKED_AT = 5_000


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of a duty or of the watch on a source; ages in seconds."""

    age: float
    #: Since the last round that succeeded; None where none ever did.
    good_age: float | None
    #: Seconds between two rounds.
    every: float
    #: Why the last round failed; empty where it did not.
    error: str
    #: Since the oldest file that is claimed, and not yet a job, was claimed; None where there is none.
    claimed_age: float | None


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that a run works on, and the seconds since anything was heard of it."""

    job_id: str
    run_id: str
    source_uri: str
    stage: str
    quiet: float


@dataclass(frozen=True, slots=True)
class Movement:
    """How work goes on, of one moment."""

    #: Seconds that the oldest entry of the stream has waited unclaimed; None where none waits.
    oldest_unclaimed: float | None
    running: tuple[RunningJob, ...]
    #: Seconds since the last job ended, whatever its end; None where none did.
    last_ended: float | None


class Liveness:
    """The hash `ingest:heartbeats`, and what the streams and indexes of jobs tell of their age."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def tell(self, name: str, *, every: float, error: str = "", claimed_age: float | None = None) -> None:
        """Say that a round of `name` has ended, well or with `error`; the next one is due in `every` seconds."""
        claimed = "" if claimed_age is None else f"{claimed_age:.3f}"
        self._server.script("beat", [keys.HEARTBEATS], (name, f"{every:.3f}", error, claimed))

    def heartbeats(self) -> dict[str, Heartbeat]:
        """Return the last sign of life of everything that ever gave one, by name; what can't be read counts as none."""
        present, fields = self._server.call_many([("TIME",), ("HGETALL", keys.HEARTBEATS)])
        now = _milliseconds(present)
        read = {name: _heartbeat(text, now) for name, text in fields.items()}
        return {name: heartbeat for name, heartbeat in read.items() if heartbeat is not None}

    def movement(self) -> Movement:
        """Return what waits, what is worked on, and what ended last."""
        present, oldest, ids, ended = self._server.call_many(
            [
                ("TIME",),
                ("XRANGE", keys.JOBS, "-", "+", "COUNT", 1),
                ("ZRANGE", keys.index(status=JobStatus.RUNNING), 0, _LOOKED_AT - 1),
                ("ZREVRANGE", keys.INDEX_FINISHED, 0, 0, "WITHSCORES"),
            ]
        )
        now = _milliseconds(present)
        asked = self._server.call_many(
            [
                command
                for job_id in ids
                for command in (
                    ("HMGET", keys.state(job_id), "status", "run_id", "source_uri", "stage"),
                    ("XREVRANGE", keys.events(job_id), "+", "-", "COUNT", 1),
                )
            ]
        )
        running = []
        for job_id, (status, run_id, source_uri, stage), last in zip(ids, asked[::2], asked[1::2], strict=True):
            if status == JobStatus.RUNNING and last:
                quiet = _age(last[0][0], now)
                running.append(RunningJob(job_id, run_id or "", source_uri or "", stage or "", quiet))
        return Movement(
            oldest_unclaimed=_age(oldest[0][0], now) if oldest else None,
            running=tuple(running),
            last_ended=max(0.0, (now - _score(ended) / 1_000) / 1_000) if ended else None,
        )


def _milliseconds(answer: tuple[int, int]) -> int:
    seconds, microseconds = answer
    return int(seconds) * 1_000 + int(microseconds) // 1_000


def _age(entry_id: str, now: int) -> float:
    return max(0, now - int(entry_id.partition("-")[0])) / 1_000


def _score(answer: list[object]) -> float:
    # Pairs or a flat list, by the protocol's version.
    last = answer[-1]
    return float(str(last[-1] if isinstance(last, (list, tuple)) else last))


def _heartbeat(text: str, now: int) -> Heartbeat | None:
    try:
        told = json.loads(text)
        good, claimed = int(told["good"]), int(told["claimed"])
        return Heartbeat(
            age=max(0, now - int(told["at"])) / 1_000,
            good_age=max(0, now - good) / 1_000 if good else None,
            every=float(told["every"]),
            error=str(told["error"]),
            claimed_age=max(0, now - claimed) / 1_000 if claimed else None,
        )
    except (ValueError, KeyError, TypeError):
        return None
