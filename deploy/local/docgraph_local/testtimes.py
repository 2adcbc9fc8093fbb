"""How long the tests of a run took: each layer of them, and the slowest; from the JUnit file that pytest wrote."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

#: The folders of `tests/` that a run takes in, from what needs nothing to what needs the whole stack.
LAYERS = ("unit", "proofs", "contract", "dags", "integration", "e2e", "chaos")
#: How many of the slowest tests are named.
SLOWEST = 10


@dataclass(frozen=True, slots=True)
class Layer:
    """One folder of tests: how many were collected, how many of them passed, and seconds from first to last."""

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
    """Return the times of a run.

    A layer with a suite of its own took as long as that suite. Layers that share one ran one test after another, so each took
    as long as its tests. A test's time holds that of its fixtures: what starts for the whole session (the stores, the stack)
    counts for the first test that asks for it.
    """
    cases: list[_Case] = []
    took = dict.fromkeys(LAYERS, 0.0)
    # The file was written by the pytest that has just run here.
    for suite in ElementTree.parse(junit).getroot().iter("testsuite"):  # noqa: S314
        mine = [_case(each) for each in suite.iter("testcase")]
        alone = len({case.layer for case in mine}) == 1
        for name in took:
            seconds = [case.seconds for case in mine if case.layer == name]
            took[name] += float(suite.get("time", 0)) if alone and seconds else sum(seconds)
        cases += mine
    counts = {name: [case.passed for case in cases if case.layer == name] for name in LAYERS}
    layers = tuple(Layer(name, len(passed), sum(passed), took[name]) for name, passed in counts.items())
    slowest = sorted(((case.seconds, case.name) for case in cases), reverse=True)[:SLOWEST]
    return Times(layers, tuple(slowest))


def table(times: Times) -> str:
    """Return the times as lines for a terminal."""
    lines = [f"{'layer':<12} {'tests':>6} {'passed':>7} {'seconds':>9}"]
    lines += [f"{each.name:<12} {each.tests:>6} {each.passed:>7} {each.seconds:>9.1f}" for each in times.layers]
    lines += ["", f"the {len(times.slowest)} slowest tests, seconds:"]
    lines += [f"{seconds:>9.1f}  {name}" for seconds, name in times.slowest]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Case:
    layer: str
    name: str
    passed: bool
    seconds: float


def _case(element: ElementTree.Element) -> _Case:
    module = element.get("classname", "")
    return _Case(
        layer=module.removeprefix("tests.").partition(".")[0],
        name=f"{module}::{element.get('name')}",
        passed=all(element.find(verdict) is None for verdict in ("failure", "error", "skipped")),
        seconds=float(element.get("time", 0)),
    )
