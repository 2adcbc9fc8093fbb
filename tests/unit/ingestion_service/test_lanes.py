"""What each lane and the number of streams keep apart."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, Gauge
from sse_starlette import ServerSentEvent

from docgraph.runtime.web import ApiError
from ingestion_service.lanes import MAX_STREAMS, SEARCHES, Lanes, Streams, in_lane


def test_a_full_lane_delays_no_other_lane() -> None:
    async def scenario() -> float:
        lanes, hanging = Lanes(), threading.Event()
        searches = [asyncio.create_task(in_lane(lanes.searches, hanging.wait)) for _ in range(2 * SEARCHES)]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        for lane in (lanes.uploads, lanes.streams):
            await in_lane(lane, lambda: None)
        elapsed = time.monotonic() - started
        hanging.set()
        await asyncio.gather(*searches)
        return elapsed

    assert asyncio.run(asyncio.wait_for(scenario(), 20)) < 1


async def _nothing() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent("{}", event="end")


def test_one_stream_more_than_there_may_be_is_refused_with_the_reason_and_welcome_once_another_has_ended() -> None:
    gauge = Gauge("streams", "Open.", registry=CollectorRegistry())
    streams = Streams(gauge)
    streams.opened(MAX_STREAMS)
    with pytest.raises(ApiError, match=f"{MAX_STREAMS} event streams are open") as refused:
        streams.response(_nothing())
    assert (refused.value.status, refused.value.code) == (503, "too_many_streams")
    streams.opened(-1)
    assert streams.response(_nothing()).status_code == 200
