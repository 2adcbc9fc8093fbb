"""Who may ask: those who have the service's token, and that is settled before anything else of a request is read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from docgraph.runtime.web import ApiError, error_response, require_bearer
from docgraph.settings import Settings

#: The one route that a signed address opens; it looks at the token itself.
_SIGNED = re.compile(r"/v1/runs/[^/]+/report")


def token_required(settings: Settings) -> Callable[[Request], Awaitable[None]]:
    """Return a check that raises a 401 for requests without the token of these settings."""
    return require_bearer(settings.token, "DOCGRAPH_TOKEN")


class TokenFirst:
    """ASGI middleware: answers 401 under `prefixes` to who has no token, without a route, a body or a store being looked at."""

    def __init__(self, app: ASGIApp, settings: Settings, prefixes: tuple[str, ...]) -> None:
        """Wrap `app`."""
        self._app = app
        self._check = token_required(settings)
        self._prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what has the token or needs none."""
        if scope["type"] == "http" and self._is_guarded(scope["path"]):
            try:
                await self._check(Request(scope))
            except ApiError as error:
                await error_response(error.status, error.code, error.message, error.hint)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_guarded(self, path: str) -> bool:
        return path.startswith(self._prefixes) and _SIGNED.fullmatch(path) is None
