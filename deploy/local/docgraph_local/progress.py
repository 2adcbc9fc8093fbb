"""What `up` and `down` say while they work, and how they fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from docgraph.domain.errors import InfrastructureError


class StackError(InfrastructureError):
    """The local stack could not do what was asked; the message names the service and its log."""


@dataclass(frozen=True, slots=True)
class Event:
    """One step of `up` or `down` as a person sees it; `kind` is starting, waiting, ready, note or stopped."""

    kind: str
    subject: str
    seconds: float = 0.0
    detail: str = ""


Progress = Callable[[Event], None]


def silent(_: Event) -> None:
    """Say nothing."""
