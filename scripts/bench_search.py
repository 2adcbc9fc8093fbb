#!/usr/bin/env python3
"""Measure how fast a dataset answers: one caller, then several at once, in this process or over HTTP.

    DOCGRAPH_HOME=… .venv/bin/python scripts/bench_search.py --tag big [--http] [--questions 300] [--callers 1 8]

Each question is a handful of words of one of the dataset's own sections, behind "how do I"; no two are alike, so nothing
is answered from memory. The embedding of the question is part of the time. Ends with 1 if a question failed or a limit
(`--p50`, `--p95`, in milliseconds, for one caller) was missed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import httpx

from docgraph.domain.errors import DocgraphError
from docgraph.retrieval import search
from docgraph.runtime.connections import Runtime

WARM_UP = 20
#: Answers one question and returns `timings` (seconds).
Ask = Callable[[str], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a row of questions took, in milliseconds; `steps` are the medians of the search's own timings."""

    callers: int
    questions: int
    failed: int
    p50: float
    p95: float
    slowest: float
    per_second: float
    steps: Mapping[str, float]


def questions(runtime: Runtime, tag: str, count: int, seed: int) -> list[str]:
    """Make questions from words of sections that are spread over the dataset."""
    ids = runtime.graph.sample_sections(tag, limit=200, each=20)
    texts = [section.text.split() for section in runtime.graph.sections(ids).values()]
    if not texts:
        raise SystemExit(f"The dataset {tag!r} has no sections; seed it with scripts/seed_synthetic.py --tag {tag}.")
    chance = random.Random(seed)  # noqa: S311 - a choice of words, no secret
    made = (chance.sample(words, min(len(words), chance.randint(3, 9))) for words in chance.choices(texts, k=count))
    return [f"how do I {' '.join(words)}?" for words in made]


def measure(ask: Ask, asked: Sequence[str], callers: int) -> Figures:
    """Put the questions, `callers` at a time."""
    steps: list[Mapping[str, float]] = []

    def timed(question: str) -> float | None:
        started = time.perf_counter()
        try:
            steps.append(ask(question))
        except (DocgraphError, httpx.HTTPError) as error:
            print(f"{question}: {error}", file=sys.stderr)
            return None
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as executor:
        answered = [seconds for seconds in executor.map(timed, asked) if seconds is not None]
    elapsed = time.perf_counter() - started
    milliseconds = sorted(1000 * seconds for seconds in answered) or [float("nan")]
    medians = {name: round(1000 * statistics.median(each[name] for each in steps), 1) for name in (steps or [{}])[0]}
    return Figures(
        callers=callers,
        questions=len(asked),
        failed=len(asked) - len(answered),
        p50=round(statistics.median(milliseconds), 1),
        p95=round(milliseconds[int(0.95 * (len(milliseconds) - 1))], 1),
        slowest=round(milliseconds[-1], 1),
        per_second=round(len(answered) / elapsed, 1),
        steps=medians,
    )


def main() -> int:
    """Measure as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--http", action="store_true", help="ask the running sidecar instead of this process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--p50", type=float, help="limit for one caller, milliseconds")
    parser.add_argument("--p95", type=float, help="limit for one caller, milliseconds")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Runtime.load() as runtime, httpx.Client(trust_env=False, timeout=30) as http:

        def in_process(question: str) -> Mapping[str, float]:
            return search(runtime.graph, runtime.vectors, runtime.embedder, question, options.tag).timings

        def over_http(question: str) -> Mapping[str, float]:
            answer = http.get(
                f"{runtime.settings.service_url}/v1/search",
                params={"q": question, "tag": options.tag},
                headers={"Authorization": f"Bearer {runtime.settings.token}"},
            )
            answer.raise_for_status()
            return dict(answer.json()["timings"])

        ask = over_http if options.http else in_process
        rows: list[Figures] = []
        measure(ask, questions(runtime, options.tag, WARM_UP, options.seed + 1), 1)
        for number, callers in enumerate(options.callers):
            rows.append(
                measure(ask, questions(runtime, options.tag, options.questions, options.seed + 2 + number), callers)
            )
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        for row in rows:
            print(
                f"{row.callers} at once: p50 {row.p50} ms, p95 {row.p95} ms, slowest {row.slowest} ms, "
                f"{row.per_second} a second, {row.failed} of {row.questions} failed; medians of the steps {dict(row.steps)}"
            )
    alone = [row for row in rows if row.callers == 1]
    missed = any(limit is not None and row.p50 > limit for limit, row in ((options.p50, row) for row in alone)) or any(
        limit is not None and row.p95 > limit for limit, row in ((options.p95, row) for row in alone)
    )
    return 1 if missed or any(row.failed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
