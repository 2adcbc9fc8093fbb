"""What both HTTP processes share: error bodies, bearer keys, limits on request bodies, and the metrics page.

An error body is always `{"error": {"code", "message", "hint", …}}`. No route and no store is known here.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docgraph.api.errors import Error, ErrorAnswer

_log = logging.getLogger(__name__)
_CODES = {404: "not_found", 405: "method_not_allowed"}


class ApiError(Exception):
    """A request that is answered with an error: HTTP status, short code, message, hint and further fields."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", **fields: Any) -> None:
        """Keep what `error_response` needs."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.fields = fields


def error_response(status: int, code: str, message: str, hint: str = "", **fields: Any) -> JSONResponse:
    """Return the one shape of error body; a 401 says that a bearer key is wanted, a 503 when to come back."""
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}, 503: {"Retry-After": "2"}}.get(status)
    answer = ErrorAnswer(error=Error(code=code, message=message, hint=hint, **fields))
    return JSONResponse(answer.as_json(), status_code=status, headers=headers)


def install_error_handlers(app: FastAPI) -> None:
    """Give every error of `app` the one shape; unexpected ones go to the log and say nothing about the inside."""

    async def api_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return error_response(error.status, error.code, error.message, error.hint, **error.fields)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "http_error")
        return error_response(error.status_code, code, f"{request.method} {request.url.path}: {error.detail}")

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        details = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5])
        return error_response(
            422, "invalid_request", f"The request can't be read: {details}.", "See docs/reference/http-api.md."
        )

    async def unexpected(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return error_response(
            500,
            "internal_error",
            f"{request.method} {request.url.path} failed unexpectedly.",
            "The service's log has the trace.",
        )

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)


def require_bearer(expected: str, variable: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that refuses requests without `Authorization: Bearer <expected>`; compared in constant time."""

    async def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected.encode()):
            raise ApiError(
                401, "unauthorized", "The bearer token is missing or wrong.", f"Send Authorization: Bearer ${variable}."
            )

    return check


def metrics_response(registry: CollectorRegistry) -> Response:
    """Return the registry in Prometheus' text format."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly a request's body may arrive: within `grace` seconds, and one more for each `bytes_per_second` of it.

    As Apache's mod_reqtimeout has it (`body=20,MinRate=…`). Only the seconds count in which the body is waited for.
    """

    grace: float
    bytes_per_second: float

    def remaining(self, received: int, waited: float) -> float:
        """Return for how many more seconds the next piece may be waited for."""
        return self.grace + received / self.bytes_per_second - waited


class BodyLimit:
    """ASGI middleware: answers 413 to a request body above `limit` bytes, announced or not, and 408 to one slower than `pace`.

    Paths below `except_prefix` have no limit of bytes here.
    """

    def __init__(self, app: ASGIApp, limit: int, except_prefix: str | None = None, pace: Pace | None = None) -> None:
        """Wrap `app`."""
        self._app = app
        self._limit = limit
        self._except_prefix = except_prefix
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting the bytes of its body and the seconds in which they arrive."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_limited = not (self._except_prefix and scope["path"].startswith(self._except_prefix))
        announced = next((value for key, value in scope["headers"] if key == b"content-length"), b"0")
        if is_limited and announced.isdigit() and int(announced) > self._limit:
            await self._too_large()(scope, receive, send)
            return
        seen = 0
        waited = 0.0
        complete = False
        started = False
        refusal: Response | None = None

        async def counted() -> Message:
            nonlocal seen, waited, complete, refusal
            if refusal is not None:
                raise _BodyRefusedError
            began = time.monotonic()
            limit = None if self._pace is None or complete else self._pace.remaining(seen, waited)
            try:
                async with asyncio.timeout(limit):
                    message = await receive()
            except TimeoutError as error:
                refusal = _too_slow(seen)
                raise _BodyRefusedError from error
            waited += time.monotonic() - began
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if is_limited and seen > self._limit:
                    refusal = self._too_large()
                    raise _BodyRefusedError
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            # What the application makes of a body that was cut off here is not the reason.
            if refusal is None or started:
                started = True
                await send(message)

        try:
            await self._app(scope, counted, watched)
        except _BodyRefusedError:
            if started:
                raise
        if refusal is not None and not started:
            await refusal(scope, receive, send)

    def _too_large(self) -> Response:
        return error_response(
            413,
            "body_too_large",
            f"The request body is larger than {self._limit} bytes.",
            "Send it in several requests.",
        )


def _too_slow(seen: int) -> Response:
    return error_response(
        408,
        "body_too_slow",
        f"The rest of the request body did not arrive in time, after {seen:,} bytes of it.",
        "Send it again, over a faster connection or in smaller parts.",
    )


class _BodyRefusedError(Exception):
    """The body is larger or slower than it may be."""
