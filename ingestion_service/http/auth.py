"""Who may ask: those who have the service's token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request

from docgraph.runtime.web import require_bearer
from docgraph.settings import Settings


def token_required(settings: Settings) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that answers 401 to requests without the token of these settings."""
    return require_bearer(settings.token, "DOCGRAPH_TOKEN")
