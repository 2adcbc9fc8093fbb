"""The gate: closed while a store is under pressure, so that work waits between two batches. It decides nothing itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docgraph.domain.jobs import now
from docgraph.state import keys
from docgraph.state.server import Server

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class GateState:
    """Whether work may go on, why not, and since when that is so (RFC 3339, empty where it was never moved)."""

    open: bool
    reason: str = ""
    since: str = ""


def gate_of(fields: Mapping[str, str]) -> GateState:
    """Read the hash of the gate; an empty one is an open gate."""
    return GateState(
        open=fields.get("state", "open") == "open", reason=fields.get("reason", ""), since=fields.get("since", "")
    )


class Gate:
    """The hash `ingest:gate`; open where nobody has said anything."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def state(self) -> GateState:
        """Return how the gate stands."""
        return gate_of(self._server.call("HGETALL", keys.GATE))

    def close(self, reason: str) -> None:
        """Let no new batch begin; closed twice, the reason is the newer and `since` stays."""
        self._server.script("gate", [keys.GATE], ("closed", reason, now()))

    def open(self) -> None:
        """Let work go on."""
        self._server.script("gate", [keys.GATE], ("open", "", now()))

    def wait(self, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Wait while it is closed and the work behind it is still wanted; returns whether it is open."""
        while not self.state().open:
            if not wanted():
                return False
            time.sleep(_POLL_SECONDS)
        return True
