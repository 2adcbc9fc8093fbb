"""Gate, verdicts and leases on a real Redis."""

from __future__ import annotations

import threading
import time

import redis

from docgraph.domain.verdict import LastVerdict
from docgraph.state import GateState, State


def test_the_gate_is_open_where_nobody_said_anything(state: State) -> None:
    assert state.gate.state() == GateState(open=True)


def test_a_closed_gate_says_why_and_since_when(state: State) -> None:
    state.gate.close("neo4j: 3 s a commit")
    first = state.gate.state()
    assert (first.open, first.reason) == (False, "neo4j: 3 s a commit")
    time.sleep(0.002)
    state.gate.close("neo4j: 5 s a commit")
    assert state.gate.state() == GateState(open=False, reason="neo4j: 5 s a commit", since=first.since)
    state.gate.open()
    reopened = state.gate.state()
    assert (reopened.open, reopened.reason) == (True, "")
    assert reopened.since > first.since


def test_who_waits_for_the_gate_goes_on_when_it_opens_or_the_work_is_not_wanted_any_more(state: State) -> None:
    assert state.gate.wait()
    state.gate.close("x")
    assert not state.gate.wait(lambda: False)
    opened = threading.Timer(0.2, state.gate.open)
    opened.start()
    started = time.monotonic()
    assert state.gate.wait()
    assert time.monotonic() - started >= 0.2
    opened.join()


def test_the_gate_is_documented_as_a_hash(state: State, raw: redis.Redis) -> None:
    state.gate.close("x")
    assert raw.hgetall("ingest:gate").keys() == {"v", "state", "reason", "since"}
    assert raw.hget("ingest:gate", "state") == "closed"


def test_a_verdict_replaces_the_one_before(state: State, raw: redis.Redis) -> None:
    state.readiness.set("handbook", {"ready": "false", "reasons": "drift"})
    state.readiness.set("handbook", {"ready": "true", "report": "r1"})
    state.readiness.set("api", {"ready": "false"})
    assert state.readiness.get("handbook") == LastVerdict({"ready": "true", "report": "r1"})
    assert state.readiness.get("unknown") is None
    assert {tag: dict(verdict.fields) for tag, verdict in state.readiness.all().items()} == {
        "api": {"ready": "false"},
        "handbook": {"ready": "true", "report": "r1"},
    }
    assert raw.hget("ingest:ready:handbook", "v") == "1"


def test_a_lease_has_one_holder(state: State) -> None:
    mine, theirs = state.lease("dispatch", 30), state.lease("dispatch", 30)
    assert mine.acquire()
    assert mine.acquire()
    assert not theirs.acquire()
    assert not theirs.renew()
    theirs.release()
    assert mine.renew()
    assert state.lease("another", 30).acquire()
    mine.release()
    assert not mine.renew()
    assert theirs.acquire()


def test_a_lease_expires_unless_it_is_renewed(state: State) -> None:
    mine, theirs = state.lease("dispatch", 0.4), state.lease("dispatch", 30)
    assert mine.acquire()
    for _ in range(4):
        time.sleep(0.15)
        assert mine.renew()
        assert not theirs.acquire()
    time.sleep(0.5)
    assert theirs.acquire()
    assert not mine.renew()
    mine.release()
    assert theirs.renew()


def test_a_lease_as_a_block_is_given_back(state: State) -> None:
    with state.lease("dispatch", 30) as held:
        assert held
        with state.lease("dispatch", 30) as second:
            assert not second
        assert not state.lease("dispatch", 30).acquire()
    assert state.lease("dispatch", 30).acquire()


def test_of_many_who_want_a_lease_one_gets_it(state: State) -> None:
    leases = [state.lease("dispatch", 30) for _ in range(16)]
    answers: list[bool] = []
    start = threading.Barrier(len(leases))

    def want(position: int) -> None:
        start.wait()
        answers.append(leases[position].acquire())

    threads = [threading.Thread(target=want, args=(i,)) for i in range(len(leases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 15 + [True]
