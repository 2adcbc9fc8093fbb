"""Following a verification or repair by the service's server-sent events to its end, across restarts of the service."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import httpx
from httpx_sse import EventSource, SSEError

from ingestctl.errors import CommandError, UnreachableError

if TYPE_CHECKING:
    from docgraph.api.errors import Error
    from ingestctl.client import ServiceClient

#: Seconds without any contact after which a lost service is given up.
PATIENCE = 300.0
#: Seconds between two attempts to connect again.
RECONNECT_PAUSE = 1.0


def follow(
    client: ServiceClient, run_id: str, *, patience: float = PATIENCE
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what is told of an operation (event, data) until it has ended; `lost` and `back` say how the connection is.

    Raises:
        UnreachableError: the service stayed out of reach for `patience` seconds.
        NotFoundError: the service knows nothing of the run.
    """
    last = ""
    lost_at: float | None = None
    while True:
        reason = "the stream of events ended early"
        try:
            with client.stream(_path(run_id), params=httpx.QueryParams(), headers=_headers(last)) as response:
                client.check(response, f"GET {_path(run_id)}")
                if lost_at is not None:
                    lost_at = None
                    yield "back", {}
                for message in EventSource(response).iter_sse():
                    last = message.id or last
                    yield message.event, json.loads(message.data or "{}")
                    if message.event in {"end", "error"}:
                        return
        except (httpx.TransportError, SSEError) as error:
            reason = str(error) or type(error).__name__
        except UnreachableError as error:
            if error.code == "unauthorized":
                raise
            reason = str(error)
        if lost_at is None:
            lost_at = time.monotonic()
            yield "lost", {"reason": reason}
        elif time.monotonic() - lost_at > patience:
            raise UnreachableError(
                f"The ingestion service at {client.url} has been out of reach for {patience:.0f} s: {reason}",
                hint=f"The run {run_id} goes on without you. Look at `make status`; then ask again.",
                code="unreachable",
            )
        time.sleep(RECONNECT_PAUSE)


def failure(error: Error) -> CommandError:
    """Return what an operation's error is for the command line: exit code 3 where a store is unavailable, else 1."""
    if error.code == "store_unavailable":
        return UnreachableError(
            error.message,
            hint=error.hint or "`ingestctl ready` shows which part is missing; try again when it is back.",
            code=error.code,
        )
    return CommandError(error.message, hint=error.hint, code=error.code)


def _path(run_id: str) -> str:
    return f"/v1/operations/{run_id}/events"


def _headers(last: str) -> dict[str, str]:
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    return {**headers, "Last-Event-ID": last} if last else headers
