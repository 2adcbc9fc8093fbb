"""Verifications and repairs as Redis keeps them, on a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import redis

from docgraph.state import FROM_START, OperationEvent, OperationKind, OperationStatus, State

RUN = "verify__docs__1"


def told(state: State, after: str = FROM_START) -> list[OperationEvent]:
    async def read() -> list[OperationEvent]:
        try:
            return await state.operations.read(RUN, after, 50)
        finally:
            await state.aclose()

    return asyncio.run(read())


def test_an_operation_goes_from_queued_over_running_to_its_results(state: State) -> None:
    operations = state.operations
    assert operations.get(RUN) is None
    operations.begin(RUN, OperationKind.VERIFY, ("a", "b"))
    begun = operations.get(RUN)
    assert begun is not None
    assert (begun.status, begun.kind, begun.tags) == (OperationStatus.QUEUED, OperationKind.VERIFY, ("a", "b"))
    assert operations.tell(RUN, "progress", {"tag": "a", "done": 1})
    assert operations.set_result(RUN, "a", {"tag": "a", "equal": True, "name": "über"})
    running = operations.get(RUN)
    assert running is not None
    assert (running.status, running.results) == (
        OperationStatus.RUNNING,
        {"a": {"tag": "a", "equal": True, "name": "über"}},
    )
    assert operations.end(RUN, equal=True)
    ended = operations.get(RUN)
    assert ended is not None
    assert (ended.status, ended.error) == (OperationStatus.COMPLETED, None)
    assert ended.finished_at >= ended.created_at
    assert [(each.event, each.data) for each in told(state)] == [
        ("progress", {"tag": "a", "done": 1}),
        ("dataset", {"tag": "a", "equal": True, "name": "über"}),
        ("end", {"equal": True}),
    ]


def test_a_task_that_is_done_again_replaces_its_result(state: State) -> None:
    state.operations.begin(RUN, OperationKind.REPAIR, ("a",))
    state.operations.set_result(RUN, "a", {"equal": False})
    state.operations.begin(RUN, OperationKind.REPAIR, ("a", "b"))
    state.operations.set_result(RUN, "a", {"equal": True})
    found = state.operations.get(RUN)
    assert found is not None
    assert (found.tags, found.results) == (("a",), {"a": {"equal": True}})


def test_an_end_is_the_last_word(state: State) -> None:
    operations = state.operations
    operations.begin(RUN, OperationKind.VERIFY, ("a",))
    problem = {"code": "store_unavailable", "message": "Neo4j can't be reached."}
    assert operations.note_problem(RUN, problem)
    assert operations.end(RUN, error=problem)
    late: list[Any] = [
        operations.tell(RUN, "progress", {}),
        operations.set_result(RUN, "a", {"equal": True}),
        operations.end(RUN, equal=True),
    ]
    assert late == [False, False, False]
    found = operations.get(RUN)
    assert found is not None
    assert (found.status, found.error, found.problem, found.results) == (OperationStatus.FAILED, problem, problem, {})
    events = told(state)
    assert [each.event for each in events] == ["problem", "error"]
    assert told(state, events[0].entry_id) == events[1:]


def test_nothing_is_told_of_what_was_never_begun_or_was_given_up(state: State, raw: redis.Redis) -> None:
    assert not state.operations.tell(RUN, "progress", {})
    state.operations.begin(RUN, OperationKind.VERIFY, ("a",))
    state.operations.discard(RUN)
    assert not state.operations.end(RUN, equal=True)
    assert list(raw.keys("ingest:operation*")) == []


def test_what_nobody_ends_is_forgotten_too(state: State, raw: redis.Redis) -> None:
    state.operations.begin(RUN, OperationKind.VERIFY, ("a",))
    assert raw.ttl(f"ingest:operation:{RUN}") > 0
    state.operations.tell(RUN, "progress", {})
    assert raw.ttl(f"ingest:operation-events:{RUN}") > 0
