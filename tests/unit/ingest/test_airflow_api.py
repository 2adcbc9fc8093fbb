"""Airflow's client against a server that fails as an Airflow on SQLite does: with a 500 that may have been stored all the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from docgraph.domain.errors import StoreUnavailableError
from docgraph.ingest import airflow_api
from docgraph.ingest.airflow_api import AirflowApi


class _Airflow(BaseHTTPRequestHandler):
    """Answers with the statuses that are left, one a request."""

    statuses: list[int]
    asked: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/auth/token":
            self._answer(201, {"access_token": "t"})
            return
        self.asked.append(self.path)
        self._answer(self.statuses.pop(0), {"detail": "database is locked"})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        del args


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setattr(airflow_api, "_PAUSES", (0.0, 0.0, 0.0, 0.0))
    _Airflow.statuses, _Airflow.asked = [], []
    made = HTTPServer(("127.0.0.1", 0), _Airflow)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def api(server: HTTPServer) -> Iterator[AirflowApi]:
    made = AirflowApi(f"http://127.0.0.1:{server.server_port}", "admin", "secret")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("statuses", "is_new"), [([500, 503, 200], True), ([500, 409], False), ([409], False), ([200], True)]
)
def test_a_server_error_is_asked_again_and_a_run_that_was_stored_is_there(
    api: AirflowApi, statuses: list[int], is_new: bool
) -> None:
    _Airflow.statuses = list(statuses)
    assert api.trigger("ingest_documents", "ingest__x", {"tag": "docs"}) is is_new
    assert len(_Airflow.asked) == len(statuses)


def test_an_airflow_that_keeps_failing_is_unavailable_after_a_few_tries(api: AirflowApi) -> None:
    _Airflow.statuses = [500] * 9
    with pytest.raises(StoreUnavailableError, match="HTTP 500, database is locked"):
        api.trigger("ingest_documents", "ingest__x", {"tag": "docs"})
    assert len(_Airflow.asked) == 5
