"""Bodies that are too large or too slow, before any route sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from docgraph.runtime.web import BodyLimit, Pace

#: A piece of a body, and the seconds after which it comes; None: nothing comes any more.
Piece = tuple[bytes, float]


async def _measuring(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body; like FastAPI, call whatever goes wrong with it a bad request."""
    try:
        size = len(await Request(scope, receive).body())
    except Exception:
        await JSONResponse({"error": {"code": "could_not_parse"}}, status_code=400)(scope, receive, send)
    else:
        await JSONResponse({"size": size})(scope, receive, send)


def answer(
    pieces: Sequence[Piece], *, ends: bool = True, limit: int = 100, pace: Pace | None = None
) -> tuple[int, str]:
    """Return status and what is said of a body that comes in these pieces."""
    coming = list(pieces)
    sent: list[Message] = []

    async def receive() -> Message:
        if not coming:
            await asyncio.sleep(60)
        piece, after = coming.pop(0)
        await asyncio.sleep(after)
        return {"type": "http.request", "body": piece, "more_body": bool(coming) or not ends}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/x", "headers": [], "query_string": b""}
    app = BodyLimit(_measuring, limit, pace=pace)
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 10))
    body = json.loads(sent[1]["body"])
    return sent[0]["status"], body["error"]["code"] if "error" in body else str(body["size"])


def test_a_body_within_its_limits_is_passed_on() -> None:
    assert answer([(b"x" * 60, 0.0), (b"x" * 40, 0.05)], pace=Pace(0.5, 1000)) == (200, "100")


def test_an_unannounced_body_above_the_limit_is_said_to_be_too_large_whatever_the_route_makes_of_it() -> None:
    assert answer([(b"x" * 60, 0.0), (b"x" * 41, 0.0)]) == (413, "body_too_large")


def test_a_body_that_stops_in_the_middle_is_too_slow() -> None:
    assert answer([(b"x", 0.0)], ends=False, pace=Pace(0.2, 1000)) == (408, "body_too_slow")


def test_a_body_that_trickles_is_too_slow_although_each_piece_comes_in_time() -> None:
    trickle = [(b"x", 0.1)] * 20
    assert answer(trickle, pace=Pace(0.5, 1000)) == (408, "body_too_slow")


def test_a_body_that_keeps_its_pace_may_take_longer_than_the_grace() -> None:
    steady = [(b"x" * 10, 0.05)] * 10
    assert answer(steady, pace=Pace(0.2, 100)) == (200, "100")
