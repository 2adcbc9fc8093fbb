"""Counts what a piece of work asks of each store, at the clients: commands, statements, requests and artifact reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import redis.connection

import neo4j
from docgraph.runtime.connections import Runtime


@dataclass
class RoundTrips:
    """What was asked so far, in order, by store; each entry says what it was."""

    redis: list[str] = field(default_factory=list)
    neo4j: list[str] = field(default_factory=list)
    qdrant: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return what was asked how often, for whoever has to find out why it became more."""
        rows = []
        for name in ("redis", "neo4j", "qdrant", "artifacts"):
            asked: Sequence[str] = getattr(self, name)
            rows.append(f"{name}: {len(asked)}")
            rows += [f"    {count:3} {what}" for what, count in Counter(asked).most_common()]
        return "\n".join(rows)


@contextmanager
def counting(runtime: Runtime) -> Iterator[RoundTrips]:
    """Count what is asked inside the block by this process; everything is really asked."""
    trips = RoundTrips()
    qdrant = urlsplit(runtime.settings.qdrant_url).port
    with pytest.MonkeyPatch.context() as patch:

        def watch(owner: type, name: str, note: Callable[..., None]) -> None:
            original = getattr(owner, name)

            def watched(self: Any, *args: Any, **options: Any) -> Any:
                note(*args, **options)
                return original(self, *args, **options)

            patch.setattr(owner, name, watched)

        def command(*args: Any, **_: Any) -> None:
            trips.redis.append(" ".join(str(part)[:40] for part in args[:2]))

        def commands(sent: Sequence[Sequence[Any]]) -> None:
            trips.redis.extend(" ".join(str(part)[:40] for part in args[:2]) for args in sent)

        def statement(query: Any, *_: Any, **__: Any) -> None:
            trips.neo4j.append(str(query)[:110])

        def request(sent: httpx.Request, *_: Any, **__: Any) -> None:
            if sent.url.port == qdrant:
                trips.qdrant.append(f"{sent.method} {sent.url.path}")

        def artifact(kind: str, *_: Any) -> None:
            trips.artifacts.append(kind.partition("/")[0])

        watch(redis.connection.AbstractConnection, "send_command", command)
        watch(redis.connection.AbstractConnection, "pack_commands", commands)
        watch(neo4j.Transaction.__mro__[1], "run", statement)
        watch(neo4j.Session, "run", statement)
        watch(httpx.Client, "send", request)
        watch(type(runtime.artifacts), "get_json", artifact)
        watch(type(runtime.artifacts), "has", artifact)
        yield trips
