"""Probes are bounded in time, run side by side, and are not piled up."""

from __future__ import annotations

import threading
import time

from docgraph.domain.errors import StoreUnavailableError
from ingestion_service.probes import Prober, ProbeResult


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
