"""The liveness of the intake as this process sees it: read on request, bounded in time, kept for some seconds.

What is asked and how it is judged is `docgraph.readiness.liveness`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from docgraph.api import health as api
from docgraph.domain.errors import DocgraphError, StoreUnavailableError
from docgraph.ingest.airflow_api import AirflowApi
from docgraph.readiness import liveness
from docgraph.readiness.liveness import IntakeCheck
from docgraph.runtime.config import IngestConfig
from docgraph.state import Liveness, State
from ingestion_service.probes import in_thread

#: Seconds for which an answer holds. Airflow's costs three requests to its database.
AIRFLOW_FRESH, STATE_FRESH = 5.0, 1.0
#: Seconds that both may take to answer; a scrape has waited for other stores before.
TIMEOUT, SCRAPE_TIMEOUT = 3.0, 1.5
#: Seconds for which an answer stands in for the next one that is late: a slow Airflow is not a silent one.
_STANDS = 10.0
_BEAT_SECONDS = 5.0


class IntakeWatch:
    """Asks Airflow and Redis about the intake, each in one thread at most."""

    def __init__(self, state: State, airflow: AirflowApi, config: IngestConfig) -> None:
        """Keep whom to ask, and about which sources."""
        limits, sources = config.liveness, config.configured_sources
        self._questions = (
            _Question("airflow", AIRFLOW_FRESH, lambda: liveness.of_airflow(airflow, limits, sources)),
            _Question("state", STATE_FRESH, lambda: liveness.of_state(state, limits, sources)),
        )

    def ask(self) -> None:
        """Begin to ask, for an answer that is wanted soon."""
        for question in self._questions:
            question.ask()

    def checks(self, timeout: float = TIMEOUT) -> list[IntakeCheck]:
        """Return how each part of the intake is, after at most `timeout` seconds."""
        self.ask()
        deadline = time.monotonic() + timeout
        return [check for question in self._questions for check in question.answer(deadline)]

    def intake(self, timeout: float = TIMEOUT) -> api.Intake:
        """Return the same as it goes over the wire."""
        checks = self.checks(timeout)
        return api.Intake(
            live=all(check.ok for check in checks),
            checks={check.name: api.IntakeCheck.model_validate(check) for check in checks},
        )


class _Question:
    def __init__(self, name: str, fresh: float, ask: Callable[[], list[IntakeCheck]]) -> None:
        self._name, self._fresh, self._ask = name, fresh, ask
        self._asked_at = 0.0
        self._last: tuple[float, list[IntakeCheck]] | None = None
        self._out: Future[list[IntakeCheck]] | None = None
        self._lock = threading.Lock()

    def ask(self) -> Future[list[IntakeCheck]]:
        with self._lock:
            out = self._out
            if out is None or (out.done() and time.monotonic() - self._asked_at > self._fresh):
                self._asked_at = time.monotonic()
                out = self._out = in_thread(self._asked, f"intake-{self._name}")
            return out

    def _asked(self) -> list[IntakeCheck]:
        checks = self._ask()
        self._last = (time.monotonic(), checks)
        return checks

    def answer(self, deadline: float) -> list[IntakeCheck]:
        out = self.ask()
        try:
            return out.result(max(0.0, deadline - time.monotonic()))
        except FutureTimeoutError:
            if self._last is not None and time.monotonic() - self._last[0] < _STANDS:
                return self._last[1]
            waited = time.monotonic() - self._asked_at
            return [self._silent(f"no answer for {waited:.1f} s")]
        except DocgraphError as error:
            return [self._silent(str(error))]

    def _silent(self, reason: str) -> IntakeCheck:
        return IntakeCheck(self._name, False, reason=reason, advice="`make status` shows the processes.")


class Telling:
    """A duty's round that leaves a sign of life behind it, for every replica to read."""

    def __init__(self, name: str, every: float, tick: Callable[[], None], signs: Liveness) -> None:
        """Tell of `tick` under `name`; the next round is due in `every` seconds."""
        self._name, self._every, self._tick, self._signs = name, every, tick, signs
        self._told, self._failed = 0.0, False

    def __call__(self) -> None:
        """Do one round, and tell how it ended."""
        try:
            self._tick()
        except Exception as error:
            self._failed = True
            with contextlib.suppress(StoreUnavailableError):
                # What the round raised is what is said; where Redis is gone, the missing sign tells it.
                self._signs.tell(self._name, every=self._every, error=str(error) or type(error).__name__)
            raise
        if self._failed or time.monotonic() - self._told >= _BEAT_SECONDS:
            self._signs.tell(self._name, every=self._every)
            self._told, self._failed = time.monotonic(), False


class IntakeCollector(Collector):
    """The same as metrics, at the moment of the scrape."""

    def __init__(self, watch: IntakeWatch) -> None:
        """Keep whom to ask."""
        self._watch = watch

    def describe(self) -> Iterable[Metric]:
        """Describe nothing beforehand, so that registering asks nobody."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Ask and yield."""
        checks = self._watch.checks(SCRAPE_TIMEOUT)
        live = all(check.ok for check in checks)
        yield GaugeMetricFamily("docgraph_intake_live", "1 if every part of the intake lives.", 1 if live else 0)
        ok = GaugeMetricFamily("docgraph_intake_check_ok", "1 if this part of the intake lives.", labels=["check"])
        age = GaugeMetricFamily(
            "docgraph_intake_age_seconds", "Age of the last sign of life, or of what waits longest.", labels=["check"]
        )
        limit = GaugeMetricFamily(
            "docgraph_intake_limit_seconds", "Age above which this part does not live.", labels=["check"]
        )
        for check in checks:
            ok.add_metric([check.name], 1 if check.ok else 0)
            for family, value in ((age, check.age), (limit, check.limit)):
                if value is not None:
                    family.add_metric([check.name], value)
        yield from (ok, age, limit)
