"""A real Neo4j for the contract tests: one of their own under the local supervisor, or the one that the environment names.

`DOCGRAPH_TEST_NEO4J_URI`, `…_USER` and `…_PASSWORD` name another server to run the same tests against; each test works in
a dataset of its own there.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from docgraph_local.stack import Stack


def _free_base() -> int:
    for base in range(33000 + os.getpid() % 1000 * 10, 60000, 20):
        with contextlib.ExitStack() as held:
            try:
                for offset in range(1, 9):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", base + offset))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")


@pytest.fixture(scope="session")
def neo4j_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """Address, user and password of the server that the tests share."""
    given = os.environ.get("DOCGRAPH_TEST_NEO4J_URI")
    if given:
        user = os.environ.get("DOCGRAPH_TEST_NEO4J_USER", "neo4j")
        yield given, user, os.environ["DOCGRAPH_TEST_NEO4J_PASSWORD"]
        return
    stack = Stack(tmp_path_factory.mktemp("neo4j") / "home", _free_base(), only=["neo4j"], environ={})
    try:
        stack.up()
        env = stack.env()
        yield env["DOCGRAPH_NEO4J_URI"], env["DOCGRAPH_NEO4J_USER"], env["DOCGRAPH_NEO4J_PASSWORD"]
    finally:
        stack.down()
