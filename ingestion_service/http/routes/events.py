"""Progress as server-sent events: relays the jobs' streams in Redis until all of the jobs have ended.

Events of several jobs come in one order, by the time Redis gave them and then by job id, so that one short cursor
(`<entry id>/<job id>`) says for all of them what was seen.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from sse_starlette import ServerSentEvent

from docgraph.api.errors import Error, ErrorAnswer
from docgraph.api.jobs import MAX_JOBS, Progress
from docgraph.domain.errors import JobNotFoundError, StoreUnavailableError
from docgraph.domain.jobs import Event
from docgraph.runtime.web import ApiError
from docgraph.state import FROM_START, State, is_entry_id
from ingestion_service.lanes import in_lane
from ingestion_service.service import Svc

router = APIRouter(tags=["events"])

#: Milliseconds that one look at Redis waits for news.
BLOCK_MS = 5_000
#: Events of one job read at once.
PAGE = 500
#: Milliseconds after which a client is asked to connect again.
RECONNECT_MS = 1_000
_LAST_SEQUENCE = 2**64 - 1

Order = tuple[int, int, str]


@router.get("/events")
async def events(
    service: Svc,
    job: Annotated[list[str], Query(min_length=1, max_length=MAX_JOBS)],
    after: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Stream the events of the named jobs, after the cursor if one is given; `event: end` is the last when all have ended."""
    state = service.runtime.state
    wanted = list(dict.fromkeys(job))
    cursor = cursor_of(last_event_id or after, wanted)
    lane = service.lanes.streams
    known = {each.job.job_id for each in await in_lane(lane, lambda: state.jobs.get_many(wanted))}
    if missing := [each for each in wanted if each not in known]:
        raise JobNotFoundError(f"No job has the id {missing[0]}; `ingestctl status` lists the jobs.")
    return service.streams.response(_stream(state, cursor, lane))


async def _stream(state: State, cursor: dict[str, str], lane: CapacityLimiter) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="docgraph events", retry=RECONNECT_MS)
    try:
        async for job_id, entry_id, event in follow(state, cursor, lane):
            data = json.dumps(Progress.of(job_id, event).as_json(), ensure_ascii=False)
            yield ServerSentEvent(data, event="progress", id=f"{entry_id}/{job_id}")
    except StoreUnavailableError as error:
        # The status line is long gone; the client connects again and is told by status then.
        body = ErrorAnswer(error=Error(code="store_unavailable", message=str(error)))
        yield ServerSentEvent(json.dumps(body.as_json()), event="error")
    else:
        yield ServerSentEvent("{}", event="end")


async def follow(state: State, cursor: dict[str, str], lane: CapacityLimiter) -> AsyncIterator[tuple[str, str, Event]]:
    """Yield what stands after the cursor (job id → entry id), in order, until all jobs have ended and everything was yielded."""
    cursor = dict(cursor)
    while True:
        # The look at the states comes before the read: what ended a job was written before.
        states = await in_lane(lane, functools.partial(state.jobs.get_many, list(cursor)))
        ended = all(each.status.is_final for each in states)
        records = await state.events.async_read(cursor, None if ended else BLOCK_MS, count=PAGE)
        records.sort(key=lambda record: order_of(record[1], record[0]))
        horizon = _horizon(records)
        for job_id, entry_id, event in records:
            # Beyond it a stream that has more than a page may still have earlier events to come.
            if horizon is not None and order_of(entry_id, job_id) > horizon:
                break
            cursor[job_id] = entry_id
            yield job_id, entry_id, event
        if ended and not records:
            return


def _horizon(records: Sequence[tuple[str, str, Event]]) -> Order | None:
    pages = Counter(job_id for job_id, _, _ in records)
    last = {job_id: order_of(entry_id, job_id) for job_id, entry_id, _ in records}
    return min((last[job_id] for job_id, count in pages.items() if count >= PAGE), default=None)


def cursor_of(text: str | None, job_ids: Sequence[str]) -> dict[str, str]:
    """Return for each job the entry after which its events are still to come.

    Raises:
        ApiError: the text is not a cursor of ours.
    """
    if not text:
        return dict.fromkeys(job_ids, FROM_START)
    entry_id, _, last_job = text.partition("/")
    if not is_entry_id(entry_id):
        raise bad_cursor(text)
    milliseconds, sequence, _ = order_of(entry_id, "")
    before = _before(milliseconds, sequence)
    return {job_id: entry_id if job_id <= last_job or not last_job else before for job_id in job_ids}


def bad_cursor(text: str) -> ApiError:
    """Return the answer to who goes on after an entry that can't be one."""
    return ApiError(
        422, "bad_cursor", f"{text!r} is not a cursor of this stream.", "Send the `id` of the last event, or nothing."
    )


def order_of(entry_id: str, job_id: str) -> Order:
    """Return the place of an event among those of all jobs."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence), job_id


def _before(milliseconds: int, sequence: int) -> str:
    if sequence:
        return f"{milliseconds}-{sequence - 1}"
    return f"{milliseconds - 1}-{_LAST_SEQUENCE}" if milliseconds else FROM_START
