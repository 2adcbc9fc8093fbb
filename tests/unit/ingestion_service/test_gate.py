"""When the gate closes and opens: rows of bad and good probes, with a band between good and bad."""

from __future__ import annotations

from docgraph.runtime.config import GateConfig
from ingestion_service.probes import ProbeResult
from ingestion_service.workers.gate import Pressure

CONFIG = GateConfig(close_after=3, open_after=2, max_latency_seconds=2.0)
FAST = ProbeResult(True, 0.01)
BETWEEN = ProbeResult(True, 1.5)
SLOW = ProbeResult(True, 2.5)
SILENT = ProbeResult(False, 2.2, "no answer for 2.2 s")


def after(*neo4j: ProbeResult, qdrant: ProbeResult = FAST) -> Pressure:
    pressure = Pressure(CONFIG)
    for result in neo4j:
        pressure.count({"neo4j": result, "qdrant": qdrant})
    return pressure


def test_one_slow_probe_closes_nothing() -> None:
    assert after(FAST, SLOW).overloaded() == []
    assert after(SLOW, FAST, SLOW, FAST, SLOW).overloaded() == []


def test_slow_and_silent_probes_in_a_row_close_the_gate() -> None:
    assert after(SLOW, SILENT, SLOW).overloaded() == ["neo4j"]
    assert after(SLOW, SILENT).overloaded() == []


def test_each_store_has_a_row_of_its_own() -> None:
    pressure = Pressure(CONFIG)
    pressure.count({"neo4j": SLOW, "qdrant": FAST})
    pressure.count({"neo4j": FAST, "qdrant": SLOW})
    pressure.count({"neo4j": SLOW, "qdrant": FAST})
    assert pressure.overloaded() == []
    assert after(SILENT, SILENT, SILENT, qdrant=SLOW).overloaded() == ["neo4j", "qdrant"]


def test_opening_needs_good_probes_in_a_row_from_all_stores() -> None:
    assert not after(SLOW, SLOW, SLOW, FAST).has_recovered()
    assert after(SLOW, SLOW, SLOW, FAST, FAST).has_recovered()
    assert not after(FAST, FAST, FAST, qdrant=SLOW).has_recovered()


def test_between_good_and_bad_nothing_moves() -> None:
    assert after(SLOW, SLOW, BETWEEN, SLOW).overloaded() == []
    assert not after(SLOW, SLOW, SLOW, FAST, BETWEEN, FAST).has_recovered()


def test_without_any_probe_neither_is_due() -> None:
    pressure = Pressure(CONFIG)
    assert pressure.overloaded() == []
    assert not pressure.has_recovered()


def test_the_reason_names_the_store_its_figures_and_how_often() -> None:
    pressure = after(SLOW, SLOW, SLOW)
    assert pressure.describe("neo4j", SLOW) == "neo4j took 2.5 s (at most 2 s), 3 probes in a row"
    assert "no answer for 2.2 s" in pressure.describe("neo4j", SILENT)
