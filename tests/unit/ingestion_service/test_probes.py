"""Probes are bounded in time, run side by side, and are not piled up."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from docgraph.domain.errors import StoreUnavailableError
from ingestion_service.probes import Prober, ProbeResult, one_request


def test_a_probe_that_hangs_is_given_up_on_and_not_sent_twice() -> None:
    release = threading.Event()
    calls: list[int] = []

    def hang() -> float:
        calls.append(1)
        release.wait(10)
        return 0.1

    prober = Prober({"slow": hang, "fast": lambda: 0.002})
    started = time.monotonic()
    first = prober.measure(timeout=0.1)
    second = prober.measure(["slow"], timeout=0.1)
    assert time.monotonic() - started < 2.0
    assert first["fast"] == ProbeResult(True, 0.002)
    assert not first["slow"].ok
    assert second["slow"].seconds > first["slow"].seconds
    assert len(calls) == 1
    release.set()
    assert prober.measure(["slow"], timeout=2.0)["slow"].ok


def test_a_store_that_is_down_is_a_result_and_no_error() -> None:
    def down() -> float:
        raise StoreUnavailableError("Neo4j can't be reached.")

    seen: list[tuple[str, ProbeResult]] = []
    prober = Prober({"neo4j": down})
    prober.observe(lambda store, result: seen.append((store, result)))
    result = prober.measure()["neo4j"]
    assert (result.ok, result.error) == (False, "Neo4j can't be reached.")
    assert seen == [("neo4j", result)]


def test_within_a_request_a_store_that_answered_is_not_asked_again_and_one_that_did_not_is() -> None:
    asked: list[str] = []

    def answer() -> float:
        asked.append("neo4j")
        return 0.001

    def refuse() -> float:
        asked.append("qdrant")
        raise StoreUnavailableError("Qdrant can't be reached.")

    prober = Prober({"neo4j": answer, "qdrant": refuse})
    with one_request():
        assert [prober.check("neo4j", timeout=1.0) for _ in range(9)] == [""] * 9
        with ThreadPoolExecutor(1) as pool:
            assert (
                pool.submit(contextvars.copy_context().run, lambda: prober.check("neo4j", timeout=1.0)).result() == ""
            )
        assert [prober.check("qdrant", timeout=1.0) for _ in range(2)] == ["Qdrant can't be reached."] * 2
    assert asked == ["neo4j", "qdrant", "qdrant"]


def test_what_readiness_asked_counts_for_the_rest_of_its_request_and_for_no_other() -> None:
    asked: list[str] = []

    def answer() -> float:
        asked.append("neo4j")
        return 0.001

    prober = Prober({"neo4j": answer})
    with one_request():
        prober.measure()
        prober.check("neo4j", timeout=1.0)
    assert len(asked) == 1
    with one_request():
        prober.check("neo4j", timeout=1.0)
    prober.check("neo4j", timeout=1.0)
    prober.check("neo4j", timeout=1.0)
    assert len(asked) == 4
