"""Progress of jobs as streams: appended by the process that works on a job, read by as many as want to watch.

Every transition in `jobs.py` appends an event of its own inside the same script; this page is for progress between them
and for reading. A job's events are numbered (`seq`) without a gap; at most about 2,000 are kept, and none for ever.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

from docgraph.domain.errors import JobNotFoundError
from docgraph.domain.jobs import Event, JobStatus, now
from docgraph.state import keys
from docgraph.state.server import Server

#: Where a reader starts that has seen nothing.
FROM_START = "0-0"

_ENTRY_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_LARGEST = 2**64 - 1

#: (job id, entry id to go on after, event)
Record = tuple[str, str, Event]


def is_entry_id(text: str) -> bool:
    """Whether a text is the id of a stream's entry: two numbers of 64 bits, in digits."""
    found = _ENTRY_ID.fullmatch(text)
    return found is not None and all(int(part) <= _LARGEST for part in found.groups())


class Events:
    """The streams `ingest:events:<job_id>`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def append(
        self, job_id: str, stage: str, status: str, *, done: int = 0, total: int = 0, unit: str = "", message: str = ""
    ) -> int:
        """Say how far a job is and return the event's number in the job.

        Raises:
            JobNotFoundError: the job is unknown or was removed by retention.
        """
        arguments = (now(), job_id, stage, status, done, total, unit, message, uuid.uuid4().hex)
        seq = int(self._server.script("event", [keys.state(job_id)], arguments))
        if seq == 0:
            raise JobNotFoundError(f"No job {job_id} to report progress of; `ingestctl status` lists the jobs.")
        return seq

    def read(self, after: Mapping[str, str], block_ms: int | None = None, count: int = 500) -> list[Record]:
        """Return events of several jobs in the order in which they were written.

        `after` names for each job the last entry seen (`FROM_START` for none); `block_ms` waits up to that long
        (30 s at most) for the first one; `count` limits each job. Unknown jobs have no events.
        """
        if not after:
            return []
        streams = {keys.events(job_id): entry_id for job_id, entry_id in after.items()}
        return _records(self._server.read_streams(streams, block_ms, count))

    async def async_read(self, after: Mapping[str, str], block_ms: int | None = None, count: int = 500) -> list[Record]:
        """Read as `read` does, for event loops."""
        if not after:
            return []
        streams = {keys.events(job_id): entry_id for job_id, entry_id in after.items()}
        return _records(await self._server.read_streams_async(streams, block_ms, count))

    async def follow(self, after: Mapping[str, str], *, idle_seconds: float = 15.0) -> AsyncIterator[Record | None]:
        """Yield the events of these jobs as they come, until all the jobs have ended and everything was yielded.

        After each `idle_seconds` without an event it yields None: the time for a heartbeat. A job that doesn't exist
        counts as ended.
        """
        cursor = dict(after)
        block_ms = max(1, int(idle_seconds * 1000))
        while cursor:
            # The look at the states comes before the read: what ended a job was written before.
            ended = await self._all_ended(list(cursor))
            records = await self.async_read(cursor, None if ended else block_ms)
            for record in records:
                cursor[record[0]] = record[1]
                yield record
            if not records:
                if ended:
                    return
                yield None

    async def _all_ended(self, job_ids: list[str]) -> bool:
        commands = [("HGET", keys.state(job_id), "status") for job_id in job_ids]
        statuses = await self._server.call_many_async(commands)
        # What is no status is no job's that goes on.
        return all(status not in set(JobStatus) or JobStatus(status).is_final for status in statuses)


def _records(streams: list[Any]) -> list[Record]:
    # What is no event was written by another program, and is nobody's progress.
    records = [
        (str(key).removeprefix(keys.EVENTS_PREFIX), str(entry_id), event)
        for key, entries in streams
        for entry_id, fields in entries_of(entries)
        if (event := _event(fields)) is not None
    ]
    # All streams are numbered by the one clock of the server.
    records.sort(key=lambda record: _order(record[1]))
    return records


def entries_of(entries: Any) -> list[Any]:
    """Return the entries of one stream, each with its id, whatever wire protocol they came by."""
    # The newer wire protocol wraps the entries of a stream in one more list.
    nested = entries and isinstance(entries[0], list) and entries[0] and not isinstance(entries[0][0], str)
    return list(entries[0]) if nested else list(entries)


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _event(fields: Mapping[str, str]) -> Event | None:
    try:
        return Event(
            seq=int(fields["seq"]),
            at=fields["at"],
            stage=fields["stage"],
            status=fields["status"],
            done=int(fields.get("done") or 0),
            total=int(fields.get("total") or 0),
            unit=fields.get("unit", ""),
            message=fields.get("message", ""),
        )
    except (KeyError, ValueError):
        return None
