"""The verdict says ready after every run on changing documents, whatever else works on the same dataset meanwhile."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from docgraph.domain.documents import EmbeddingVersion, Point
from docgraph.domain.identity import document_id, text_hash, vector_hash
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from support.integration.datasets import run

#: Documents that are edited, replaced, deleted and brought back; two more are always there.
NAMES = ("install", "configure", "deploy", "monitor", "backup", "restore")
WORKERS = 2
_SUBJECTS = "harbour lighthouse meadow orchard glacier quarry vineyard canyon estuary prairie lagoon volcano"
_DEEDS = "collects measures repairs paints transports inspects stores compares delivers protects records trains"


def page(name: str, edition: int) -> str:
    """A document of some sections, of which an edition shares most with the one before."""
    sections = []
    for number in range(6 + edition % 3):
        draw = random.Random(f"{name} {number} {edition if number % 4 == edition % 4 else 0}")
        deeds = " and ".join(f"{draw.choice(_DEEDS.split())} the {draw.choice(_SUBJECTS.split())}" for _ in range(3))
        sections.append(
            f"## {name} {draw.choice(_SUBJECTS.split())} {number}\n\nStep {number} {deeds}, {draw.randint(2, 99)} times.\n"
        )
    return f"# {name.title()}\n\n" + "\n".join(sections)


@dataclass
class Turmoil:
    """Runs that work on one dataset at the same time, and what abandoned attempts leave among them."""

    settings: Settings
    version: EmbeddingVersion
    tag: str
    runs: int
    reports: list[dict[str, Any]] = field(default_factory=list)
    #: Runs that began while another one was under way.
    overlapping: int = 0
    errors: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: int = 0
    _under_way: int = 0

    def work(self, seed: int) -> None:
        """Run after run, until enough of them have begun."""
        draw = random.Random(seed)
        try:
            with Runtime(self.settings) as runtime:
                while self._begins():
                    names = draw.sample(NAMES, draw.randint(1, 3))
                    editions = {
                        name: page(name, draw.randrange(12)) if draw.random() < 0.85 else None for name in names
                    }
                    report = run(runtime, self.tag, editions)
                    with self._lock:
                        self._under_way -= 1
                        self.reports.append(report)
        except BaseException as error:  # handed to the test's own thread
            self.errors.append(error)

    def _begins(self) -> bool:
        with self._lock:
            if self._begun >= self.runs or self.errors:
                return False
            self._begun += 1
            self.overlapping += self._under_way > 0
            self._under_way += 1
            return True

    def abandon(self, stop: threading.Event) -> None:
        """Stage points as attempts do that never commit."""
        vector = [1.0] + [0.0] * (self.version.dimensions - 1)
        try:
            with Runtime(self.settings) as runtime:
                while not stop.is_set():
                    document = document_id(self.tag, f"upload:///{random.choice(NAMES)}.md")
                    fence = runtime.state.jobs.next_fence(document, runtime.graph.committed(document).fence)
                    hashes = text_hash((), "x"), vector_hash(vector)
                    points = [Point(str(uuid.uuid4()), document, self.tag, vector, *hashes) for _ in range(3)]
                    runtime.vectors.stage(self.version, points, fence)
                    time.sleep(0.3)
        except BaseException as error:  # handed to the test's own thread
            self.errors.append(error)


@pytest.mark.task("6.4")
@pytest.mark.parametrize(
    "runs",
    [pytest.param(8, id="sample"), pytest.param(50, id="fifty", marks=[pytest.mark.matrix, pytest.mark.timeout(1200)])],
)
def test_every_run_on_changing_documents_ends_ready(
    runtime: Runtime, settings: Settings, version: EmbeddingVersion, tag: str, runs: int
) -> None:
    first = run(runtime, tag, {name: page(name, 0) for name in ("always", "ever", *NAMES)})
    assert first["ready_for_queries"], first["reasons"]
    turmoil, stop = Turmoil(settings, version, tag, runs), threading.Event()
    threads = [threading.Thread(target=turmoil.work, args=(number,)) for number in range(WORKERS)]
    abandoning = threading.Thread(target=turmoil.abandon, args=(stop,))
    started = time.monotonic()
    for thread in (*threads, abandoning):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    abandoning.join()
    assert turmoil.errors == []
    alarms = {report["run_id"]: report["reasons"] for report in turmoil.reports if not report["ready_for_queries"]}
    uneven = [c for c in (r["counts"] for r in turmoil.reports) if c["sections_graph"] != c["sections_vectors"]]
    failed = {report["run_id"]: report["errors"] for report in turmoil.reports if report["errors"]}
    outcomes = {
        kind: sum(report["counts"][kind] for report in turmoil.reports)
        for kind in ("created", "updated", "unchanged", "deleted", "cancelled")
    }
    print(
        f"\n{len(turmoil.reports)} runs, {turmoil.overlapping} of them beside another, {len(alarms)} false alarms, "
        f"{time.monotonic() - started:.0f} s, {outcomes}"
    )
    assert failed == {}
    assert alarms == {}
    assert uneven == [], "what is staged is counted nowhere"
    assert len(turmoil.reports) == runs
    assert turmoil.overlapping >= runs // 2
    assert outcomes["updated"], "nothing changed, so nothing was shown"
