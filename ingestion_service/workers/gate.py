"""The gatekeeper: closes the gate while Neo4j or Qdrant are slow or silent, and opens it when both have recovered.

It never moves on one probe: closing needs some bad ones in a row from one store, opening some good ones in a row from all;
a good one takes at most half of the latency that counts as bad. A gate that a person closed stays closed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from docgraph.runtime.config import GateConfig
from docgraph.state import Gate
from ingestion_service.metrics import ServiceMetrics
from ingestion_service.probes import Prober, ProbeResult

#: How the reasons begin that are the gatekeeper's own.
BACK_PRESSURE = "back-pressure: "
STORES = ("neo4j", "qdrant")
_GOOD_SHARE = 0.5

_log = logging.getLogger(__name__)


class Pressure:
    """Counts good and bad probes in a row; pure, so that its rules can be read and tested by themselves."""

    def __init__(self, config: GateConfig) -> None:
        """Start without a judgement: neither closing nor opening is due."""
        self._config = config
        self._bad: Counter[str] = Counter()
        self._good: Counter[str] = Counter()

    def count(self, results: Mapping[str, ProbeResult]) -> None:
        """Take in one round of probes. Between good and bad neither row goes on growing: the bad one ends, the good one too."""
        most = self._config.max_latency_seconds
        for store, result in results.items():
            is_bad = not result.ok or result.seconds > most
            is_good = result.ok and result.seconds <= most * _GOOD_SHARE
            self._bad[store] = self._bad[store] + 1 if is_bad else 0
            self._good[store] = self._good[store] + 1 if is_good else 0

    def overloaded(self) -> list[str]:
        """Return the stores that were bad often enough to close the gate."""
        return [store for store in STORES if self._bad[store] >= self._config.close_after]

    def has_recovered(self) -> bool:
        """Whether all stores were good often enough to open the gate."""
        return all(self._good[store] >= self._config.open_after for store in STORES)

    def describe(self, store: str, result: ProbeResult) -> str:
        """Say what is wrong with a store."""
        probes = f"{self._bad[store]} probes in a row"
        if result.ok:
            return f"{store} took {result.seconds:.1f} s (at most {self._config.max_latency_seconds:g} s), {probes}"
        return f"{store} does not answer ({result.error}), {probes}"


class Gatekeeper:
    """One round at a time (`tick`)."""

    def __init__(self, gate: Gate, prober: Prober, config: GateConfig, metrics: ServiceMetrics) -> None:
        """Keep what is asked and what is moved."""
        self._gate = gate
        self._prober = prober
        self._pressure = Pressure(config)
        # A probe that is given up on has taken longer than what counts as bad.
        self._timeout = config.max_latency_seconds * 1.1
        self._metrics = metrics

    def tick(self) -> None:
        """Probe both stores and move the gate if it is time.

        Raises:
            StoreUnavailableError: Redis can't be reached.
        """
        results = self._prober.measure(STORES, timeout=self._timeout)
        self._pressure.count(results)
        state = self._gate.state()
        overloaded = self._pressure.overloaded()
        if state.open and overloaded:
            reason = BACK_PRESSURE + "; ".join(self._pressure.describe(store, results[store]) for store in overloaded)
            self._gate.close(reason)
            self._metrics.gate_moves.labels("closed").inc()
            _log.warning("The gate is closed: %s", reason)
        elif not state.open and state.reason.startswith(BACK_PRESSURE) and self._pressure.has_recovered():
            self._gate.open()
            self._metrics.gate_moves.labels("open").inc()
            _log.info("The gate is open again: %s answer in time.", " and ".join(STORES))
