"""How long the tests of a run took: each layer of them, and the slowest; from the JUnit file that pytest wrote."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: The folders of `tests/` that a run takes in, from what needs nothing to what needs the whole stack.
LAYERS = ("unit", "contract", "dags", "integration", "e2e", "chaos")
#: How many of the slowest tests are named.
SLOWEST = 10


@dataclass(frozen=True, slots=True)
class Layer:
    """One folder of tests: how many were collected, how many of them passed, and how long they took (seconds)."""

    name: str
    tests: int
    passed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Times:
    """The layers in the order of `LAYERS`, and the slowest tests (seconds, name), the slowest first."""

    layers: tuple[Layer, ...]
    slowest: tuple[tuple[float, str], ...]

    @property
    def without_a_pass(self) -> tuple[str, ...]:
        """The layers of which no test passed: nothing is known about them."""
        return tuple(layer.name for layer in self.layers if not layer.passed)


def read_times(junit: Path) -> Times:
    """Return the times of a run whose tests ran one after another, so that the layers' times add up to its own.

    A test's time holds that of its fixtures. What starts for the whole session (the stores, the stack) counts for the first
    test that asks for it.
    """
    cases = list(_cases(junit))
    layers = []
    for name in LAYERS:
        mine = [(passed, seconds) for layer, _, passed, seconds in cases if layer == name]
        layers.append(Layer(name, len(mine), sum(passed for passed, _ in mine), sum(seconds for _, seconds in mine)))
    slowest = sorted(((seconds, name) for _, name, _, seconds in cases), reverse=True)[:SLOWEST]
    return Times(tuple(layers), tuple(slowest))


def table(times: Times) -> str:
    """Return the times as lines for a terminal."""
    lines = [f"{'layer':<12} {'tests':>6} {'passed':>7} {'seconds':>9}"]
    lines += [f"{each.name:<12} {each.tests:>6} {each.passed:>7} {each.seconds:>9.1f}" for each in times.layers]
    lines += ["", f"the {len(times.slowest)} slowest tests, seconds:"]
    lines += [f"{seconds:>9.1f}  {name}" for seconds, name in times.slowest]
    return "\n".join(lines)


def _cases(junit: Path) -> Iterator[tuple[str, str, bool, float]]:
    """Layer, name, whether it passed, and seconds of each test."""
    # The file was written by the pytest that has just run here.
    for case in ElementTree.parse(junit).getroot().iter("testcase"):  # noqa: S314
        module = case.get("classname", "")
        layer = module.removeprefix("tests.").partition(".")[0]
        passed = all(case.find(verdict) is None for verdict in ("failure", "error", "skipped"))
        yield layer, f"{module}::{case.get('name')}", passed, float(case.get("time", 0))
