"""The matrix of kills is long: it runs when `-m` asks for it, a sample of it always."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docgraph.runtime.connections import Runtime
from docgraph_local.paths import repository
from docgraph_local.stack import Stack
from support.chaos.harness import Failpoints, Killer
from support.chaos.landings import Matrix
from support.chaos.operators import Operator
from support.e2e.drops import Drops


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the long part."""
    config.addinivalue_line("markers", "matrix: a cell of the kill matrix; only with -m matrix (make chaos)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long part out unless a marker expression was given."""
    if config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("matrix")]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture
def drops(stack: Stack, runtime: Runtime, tag: str) -> Drops:
    """A new dataset of the whole running stack."""
    assert stack.running
    return Drops(runtime, tag)


@pytest.fixture
def failpoints(stack: Stack) -> Iterator[Failpoints]:
    """The stack's failpoints, disarmed before and after."""
    made = Failpoints(stack.paths.home)
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def killer(stack: Stack) -> Iterator[Killer]:
    """Kills, and leaves a whole stack to the next test."""
    yield Killer(stack)
    for name in ("redis", "neo4j", "qdrant", "embedder", "airflow-scheduler", "sidecar"):
        stack.await_ready(name, 90)


@pytest.fixture
def operator(stack: Stack, runtime: Runtime) -> Iterator[Operator]:
    """Somebody who looks at the stack's Airflow."""
    assert stack.running
    made = Operator(runtime.settings)
    yield made
    made.close()


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    """The table of what was killed where."""
    return Matrix(repository() / "reports" / "chaos")
