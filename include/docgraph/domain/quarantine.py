"""Where something came in that was set aside because nothing could be made of it."""

from __future__ import annotations

from enum import StrEnum


class Door(StrEnum):
    """Where it came in: the watch folder, the stream `ingest:jobs`, or a job's key in Redis."""

    WATCH = "watch"
    STREAM = "stream"
    STATE = "state"
