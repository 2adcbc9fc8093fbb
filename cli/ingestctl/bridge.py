"""Passes MCP messages between standard input and output and the service's `/mcp` (streamable HTTP).

It knows JSON-RPC's envelope and the headers that HTTP adds to it, and nothing of what is asked: a new tool of the service needs
no new bridge. Standard output carries messages only; remarks go to standard error.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Self

import httpx

from ingestctl.errors import UsageError

#: Seconds: to connect, and until an answer begins. The service answers within one.
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 120.0
#: Requests of one agent that are under way at the same time.
WORKERS = 8
PARSE_ERROR, INTERNAL_ERROR = -32700, -32603

_VERSION_IN_META = "io.modelcontextprotocol/protocolVersion"
#: Where the name stands that the header `Mcp-Name` repeats (MCP 2026-07-28, Streamable HTTP).
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}

Message = dict[str, Any]


class Bridge:
    """One agent's connection to the service at `url`."""

    def __init__(self, url: str, token: str, *, source: BinaryIO | None = None, sink: BinaryIO | None = None) -> None:
        self._url = url.rstrip("/")
        self._source = source or sys.stdin.buffer
        self._sink = sink or sys.stdout.buffer
        self._writing = threading.Lock()
        self._version = ""
        self._session = ""
        try:
            self._http = httpx.Client(
                headers={
                    "Accept": "application/json, text/event-stream",
                    **({"Authorization": f"Bearer {token}"} if token else {}),
                },
                timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
                # A proxy from the environment has no business between an agent and a service on the loopback.
                trust_env=False,
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise UsageError(
                f"The token can't be sent to {url!r}: {error}.", hint="Check DOCGRAPH_TOKEN.", code="configuration"
            ) from error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def run(self) -> None:
        """Pass messages on until the input ends and all answers are written."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="mcp") as workers:
            for line in self._source:
                if not line.strip():
                    continue
                try:
                    message = json.loads(line)
                except ValueError as error:
                    self._write(_failure(None, PARSE_ERROR, f"A line of the input is not JSON: {error}."))
                    continue
                # What follows an initialize needs the version that its answer names.
                if isinstance(message, dict) and message.get("method") != "initialize":
                    workers.submit(self._pass_on, message)
                else:
                    self._pass_on(message)

    def _pass_on(self, message: Any) -> None:
        asked = message if isinstance(message, dict) else {}
        try:
            answered = False
            for answer in self._answers(message, asked):
                if asked.get("method") == "initialize":
                    self._version = str((answer.get("result") or {}).get("protocolVersion") or "")
                self._write(answer)
                answered = True
            if "id" in asked and "method" in asked and not answered:
                self._write(_failure(asked["id"], INTERNAL_ERROR, f"{self._url}/mcp gave no answer; look at its log."))
        except Exception as error:  # noqa: BLE001 - an agent waits for an answer to each request, whatever happened here
            text = self._explained(error)
            print(f"ingestctl mcp: {text}", file=sys.stderr, flush=True)
            if "id" in asked and "method" in asked:
                self._write(_failure(asked["id"], INTERNAL_ERROR, text))

    def _answers(self, message: Any, asked: Message) -> Iterator[Message]:
        body = json.dumps(message, ensure_ascii=False).encode()
        with self._http.stream("POST", f"{self._url}/mcp", content=body, headers=self._headers(asked)) as response:
            self._session = response.headers.get("mcp-session-id", self._session)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                yield from _events(response.iter_lines())
                return
            content = response.read()
            if response.status_code == 202 or not content.strip():
                response.raise_for_status()
                return
            try:
                answer = json.loads(content)
            except ValueError:
                answer = None
            if isinstance(answer, dict) and answer.get("jsonrpc"):
                yield answer
                return
            if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
                said = answer["error"]
                raise _RefusedError(f"{said.get('message', '')} {said.get('hint', '')}".strip())
            raise _RefusedError(f"HTTP {response.status_code}: {content[:200].decode(errors='replace')}")

    def _headers(self, asked: Message) -> dict[str, str]:
        params = asked.get("params")
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        stated = meta.get(_VERSION_IN_META) if isinstance(meta, dict) else None
        headers = {"Content-Type": "application/json"}
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        if not isinstance(stated, str):
            if self._version and asked.get("method") != "initialize":
                headers["MCP-Protocol-Version"] = self._version
            return headers
        headers["MCP-Protocol-Version"] = stated
        headers["Mcp-Method"] = _header_value(str(asked.get("method", "")))
        name = params.get(_NAMED_BY.get(str(asked.get("method")), ""))
        if isinstance(name, str):
            headers["Mcp-Name"] = _header_value(name)
        return headers

    def _explained(self, error: Exception) -> str:
        if isinstance(error, _RefusedError):
            return f"The ingestion service at {self._url} refuses: {error}"
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            reason = str(error).rstrip(".") or type(error).__name__
            return (
                f"The ingestion service at {self._url} does not answer: {reason}. Start it (`make up`, then `make status`), "
                "or name another with --service or DOCGRAPH_SERVICE_URL."
            )
        return f"The message could not be passed on to {self._url}: {type(error).__name__}: {error}"

    def _write(self, message: Message) -> None:
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            self._sink.write(line)
            self._sink.flush()


class _RefusedError(Exception):
    """The service answered with an error instead of a message."""


def _events(lines: Iterable[str]) -> Iterator[Message]:
    """Yield the messages of a stream of server-sent events."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            yield json.loads("\n".join(data))
            data = []


def _header_value(text: str) -> str:
    """Return `text` as it may stand in a header: in Base64 where it is not plain ASCII (MCP 2026-07-28)."""
    if text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def _failure(request_id: Any, code: int, message: str) -> Message:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
