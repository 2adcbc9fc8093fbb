"""What a step between two schemas is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Computed:
    """Properties that are computed here and not by the server, some nodes at a time, until `read` finds none without them.

    `read` returns `id` and whatever `make` needs, at most `$limit` rows; `write` takes the rows that `make` returns as `$rows`.
    """

    read: str
    make: Callable[[Mapping[str, Any]], dict[str, Any]]
    write: str


@dataclass(frozen=True, slots=True)
class Migration:
    """What a step does, in a line for the log; the Cypher that does it, each statement in a transaction of its own; what it computes."""

    what: str
    statements: tuple[str, ...]
    computed: tuple[Computed, ...] = ()
