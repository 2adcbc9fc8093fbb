"""Measures how the time of costly documents grows with their size, from bytes to what a commit writes: minutes, in `make prove`.

Each kind in three sizes, each the least of some tries on this process's own clock, one row a kind. Wanted are an exponent of 1.15
and one second at 320 kB, on a core that nothing else uses: each kind that misses that is marked. What is beyond any clock's error
fails the program: an exponent above 1.3, or more than five seconds. `--quick` measures once.

Without names, the kinds of Markdown and MDX, which our own code reads. What is left of the others' growth is in their parsers, and
bounded by `limits.reader_seconds`.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from support.unit.costly_documents import KINDS, Cost, Kind, cost, exponent

SIZES = (20_000, 80_000, 320_000)
TRIES = 3
WANTED_EXPONENT, WANTED_SECONDS = 1.15, 1.0
MAX_EXPONENT, MAX_SECONDS = 1.3, 5.0
OURS = ("markdown", "mdx")
#: A size that takes longer is broken off: what is quadratic would take hours.
GIVE_UP_SECONDS = 20.0


class GivenUp(BaseException):
    """A size took too long."""


def measured(kind: Kind, tries: int) -> list[Cost]:
    """Return the costs of the sizes, as many as were not given up."""
    costs: list[Cost] = []
    for size in SIZES:
        signal.setitimer(signal.ITIMER_VIRTUAL, GIVE_UP_SECONDS * tries)
        try:
            costs.append(min((cost(kind, size) for _ in range(tries)), key=lambda each: each.seconds))
        except GivenUp:
            break
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return costs


def misses(costs: list[Cost], most: float, seconds: float) -> Iterator[str]:
    """Yield which of these bounds a kind does not keep."""
    if len(costs) < len(SIZES):
        yield f"gave up after {GIVE_UP_SECONDS:g} s"
        return
    if exponent(costs[0], costs[-1]) > most:
        yield f"exponent above {most:g}"
    if costs[-1].seconds > seconds:
        yield f"more than {seconds:g} s"


def main() -> int:
    """Print the table; returns 1 where a kind is beyond what a busy machine explains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "groups", nargs="*", default=list(OURS), help=f"of {', '.join(KINDS)}; {' and '.join(OURS)} if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="measure once")
    arguments = parser.parse_args()
    tries = 1 if arguments.quick else TRIES

    def give_up(number: int, frame: FrameType | None) -> None:
        raise GivenUp

    signal.signal(signal.SIGVTALRM, give_up)
    cost(KINDS["markdown"][0], SIZES[0])
    count = missed = failed = 0
    print("| kind | " + " | ".join(f"{size // 1000} kB" for size in SIZES) + " | exponent | |")
    print("| --- |" + " ---: |" * (len(SIZES) + 1) + " --- |")
    for group in arguments.groups:
        for kind in KINDS[group]:
            costs = measured(kind, tries)
            found = list(misses(costs, WANTED_EXPONENT, WANTED_SECONDS))
            times = [f"{each.seconds:.3f}" for each in costs] + ["-"] * (len(SIZES) - len(costs))
            power = f"{exponent(costs[0], costs[-1]):.2f}" if len(costs) > 1 else "-"
            print(f"| {group}: {kind.name} | {' | '.join(times)} | {power} | {'; '.join(found)} |", flush=True)
            count += 1
            missed += bool(found)
            failed += any(misses(costs, MAX_EXPONENT, MAX_SECONDS))
    print(f"\n{count} kinds; {missed} miss what is wanted, {failed} grow or take beyond any doubt too much")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
