#!/usr/bin/env python3
"""Measure how long the comparison of a dataset's stores takes, and whether its memory grows with the dataset.

    DOCGRAPH_HOME=… .venv/bin/python scripts/bench_verify.py --tag big [--vectors] [--seconds 30] [--growth 50]

It is what `ingestctl verify` asks the service for, here in a process of its own, whose peak of resident memory is noted
after each 5,000 sections. Ends with 1 if the stores differ or a limit (`--seconds`; `--growth`, in MB from the first 5,000
sections to the end) was missed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

from docgraph.readiness.audit import verify
from docgraph.runtime.connections import Runtime


def peak_megabytes() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--vectors", action="store_true", help="read every text and vector back and hash it")
    parser.add_argument("--seconds", type=float, help="limit")
    parser.add_argument("--growth", type=float, help="limit, MB")
    options = parser.parse_args()
    peaks: list[float] = []
    with Runtime.load() as runtime:
        started = time.monotonic()
        found = verify(runtime, options.tag, with_vectors=options.vectors, say=lambda _: peaks.append(peak_megabytes()))
        seconds = time.monotonic() - started
    peaks.append(peak_megabytes())
    growth = peaks[-1] - peaks[0]
    comparison = found.comparison
    print(
        f"{comparison.graph_total:,} sections {'with every text and vector ' if options.vectors else ''}compared in {seconds:.1f} s, "
        f"drift {comparison.drift_pct:g} %; memory {peaks[0]:.0f} MB after the first 5,000, {peaks[-1]:.0f} MB at the end"
    )
    late = options.seconds is not None and seconds > options.seconds
    grown = options.growth is not None and growth > options.growth
    return 1 if late or grown or not comparison.is_equal else 0


if __name__ == "__main__":
    sys.exit(main())
