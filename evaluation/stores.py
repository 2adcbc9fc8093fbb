"""The evaluation's own stores, running beside the stack of `make up`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from docgraph.settings import Settings
from docgraph_local.stack import Event, Stack

#: Beside the stack of `make up`: a home inside its home, and ports above its.
_HOME, _PORTS_ABOVE = "eval", 40
_STORES = ("redis", "neo4j", "qdrant", "embedder")

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def running(*, keep: bool, clean: bool) -> Iterator[Settings]:
    """Yield the settings of the evaluation's own stores, running; what DOCGRAPH_*_URL names is used instead of starting one."""
    around = Settings.load()
    home = around.home / _HOME
    own = {"DOCGRAPH_HOME": str(home), "DOCGRAPH_PORT_BASE": str(around.port_base + _PORTS_ABOVE)}
    environ = {**os.environ, **own}
    stack = Stack(home, around.port_base + _PORTS_ABOVE, only=_STORES, environ=environ)
    if clean:
        stack.clean()
    stack.up(_show)
    try:
        yield Settings.load({**environ, **stack.env()}, home)
    finally:
        if keep:
            console.print(f"The evaluation's stores go on running; end them: DOCGRAPH_HOME={home} make down")
        else:
            stack.down()


def _show(event: Event) -> None:
    if event.kind == "ready":
        console.print(f"ready: {event.subject} after {event.seconds:.0f} s")
