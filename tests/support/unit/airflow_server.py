"""An HTTP server that answers as Airflow's REST API does for what docgraph asks: runs, pools, files of DAGs; and that can fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PASSWORD = "secret"


@dataclass
class AirflowServer:
    """What the server holds; tests read and change it."""

    url: str = ""
    #: Run id -> its body, with the `state` that tests may change.
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    unknown_dags: set[str] = field(default_factory=set)
    #: Statuses of failures to come, one a request; True: the request takes effect all the same.
    failures: list[tuple[int, bool]] = field(default_factory=list)
    #: Method and path of each request but those for a token.
    asked: list[str] = field(default_factory=list)
    tokens: int = 0

    def answer(self, method: str, address: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Do what is asked, unless a failure is due."""
        if address == "/auth/token":
            self.tokens += 1
            known = body.get("password") == PASSWORD
            return (
                (201, {"access_token": f"token-{self.tokens}"}) if known else (401, {"detail": "Invalid credentials"})
            )
        self.asked.append(f"{method} {address}")
        status, takes_effect = self.failures.pop(0) if self.failures else (0, True)
        answered = self._answer(method, address, body) if takes_effect else (0, {})
        return (status, {"detail": "database is locked"}) if status else answered

    def _answer(self, method: str, address: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match [unquote(part) for part in parts.path.removeprefix("/api/v2/").split("/")]:
            case ["pools"] if method == "POST":
                if body["name"] in self.pools:
                    return 409, {"detail": "exists"}
                self.pools[body["name"]] = body
                return 201, body
            case ["pools"]:
                return 200, {"pools": _page(list(self.pools.values()), query)}
            case ["dags"]:
                return 200, {"dags": _page([{"relative_fileloc": name} for name in self.files], query)}
            case ["importErrors"]:
                rows = [{"filename": name, "stack_trace": trace} for name, trace in self.errors.items()]
                return 200, {"import_errors": _page(rows, query)}
            case ["dags", dag_id, *_] if dag_id in self.unknown_dags:
                return 404, {"detail": "no such DAG"}
            case ["dags", _, "dagRuns"] if method == "POST":
                run_id = body["dag_run_id"]
                if run_id in self.runs:
                    return 409, {"detail": "exists"}
                self.runs[run_id] = {**body, "state": "queued", "queued_at": "2026-11-27T20:00:00Z"}
                return 200, self.runs[run_id]
            case ["dags", _, "dagRuns"]:
                live = [run for run in self.runs.values() if run["state"] in {"queued", "running"}]
                return 200, {"dag_runs": _page(live, query)}
            case ["dags", _, "dagRuns", run_id] if run_id in self.runs:
                return 200, self.runs[run_id]
        return 404, {"detail": "not found"}


def _page(rows: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    start, limit = int(query.get("offset", 0)), int(query.get("limit", 50))
    return rows[start : start + limit]


@contextmanager
def airflow_server(port: int = 0) -> Iterator[AirflowServer]:
    """Serve on a port of the loopback (0: any free one)."""
    served = AirflowServer()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            size = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(size)) if size else {}
            status, answer = served.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def log_message(self, *args: Any) -> None:
            del args

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
