"""What a step between two schemas is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """What a step does, in a line for the log, and the Cypher that does it, each statement in a transaction of its own."""

    what: str
    statements: tuple[str, ...]
