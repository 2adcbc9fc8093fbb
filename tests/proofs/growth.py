"""Measures how the time of costly documents grows with their size, from bytes to what a commit writes: minutes, in `make prove`.

Each kind in three sizes, each the least of some tries on this process's own clock, one row a kind. Markdown has to keep to an
exponent of 1.15 and, at 320 kB, to one second on a core that nothing else uses; kinds of other formats to the same exponent.
Fails with the list of those that don't. `--quick` measures once.
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
MAX_EXPONENT, MAX_SECONDS = 1.15, 1.0
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


def faults(group: str, costs: list[Cost]) -> Iterator[str]:
    """Yield what is wrong with a kind."""
    if len(costs) < len(SIZES):
        yield f"gave up after {GIVE_UP_SECONDS:g} s"
        return
    if exponent(costs[0], costs[-1]) > MAX_EXPONENT:
        yield f"exponent above {MAX_EXPONENT}"
    if group == "markdown" and costs[-1].seconds > MAX_SECONDS:
        yield f"more than {MAX_SECONDS:g} s"


def main() -> int:
    """Print the table; returns 1 where a kind does not keep to the bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", default=list(KINDS), help=f"of {', '.join(KINDS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="measure once")
    arguments = parser.parse_args()
    tries = 1 if arguments.quick else TRIES

    def give_up(number: int, frame: FrameType | None) -> None:
        raise GivenUp

    signal.signal(signal.SIGVTALRM, give_up)
    cost(KINDS["markdown"][0], SIZES[0])
    count = wrong = 0
    print("| kind | " + " | ".join(f"{size // 1000} kB" for size in SIZES) + " | exponent | |")
    print("| --- |" + " ---: |" * (len(SIZES) + 1) + " --- |")
    for group in arguments.groups:
        for kind in KINDS[group]:
            costs = measured(kind, tries)
            found = list(faults(group, costs))
            times = [f"{each.seconds:.3f}" for each in costs] + ["-"] * (len(SIZES) - len(costs))
            power = f"{exponent(costs[0], costs[-1]):.2f}" if len(costs) > 1 else "-"
            print(f"| {group}: {kind.name} | {' | '.join(times)} | {power} | {'; '.join(found)} |", flush=True)
            count += 1
            wrong += bool(found)
    print(f"\n{count} kinds, {wrong} of them not within the bounds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
