"""The sources of the session's stack beside the watch folder, and Airflow as a person who answers its questions sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from docgraph.settings import AwsAccess, Settings
from support.contract.s3_server import BUCKET

#: A folder below the session's home that is mirrored into the dataset of the same name.
MIRRORED = "handbook"
#: A source of kind s3 that follows a whole bucket, each test's folder into the test's dataset; and its connection.
BUCKET_SOURCE, BUCKET_CONNECTION = "bucket", "docs_bucket"
#: Seconds between two looks, short for the tests' sake.
LOOK_SECONDS = 1.0
#: Seconds after which the intake of the session's stack counts as standing still; its heartbeats come every 5 s.
STILL_SECONDS = 12.0
#: Of the ports of a session's stack, the one of the server that has the bucket.
S3_PORT_OFFSET = 9


def configure(home: Path, repository: Path) -> None:
    """Write the session's configuration: the repository's own, and the sources that the tests use."""
    (home / MIRRORED).mkdir(parents=True, exist_ok=True)
    sources = (
        "\nsources:\n"
        "  - {name: filesystem}\n"
        f"  - {{name: {MIRRORED}, kind: folder, where: {MIRRORED}, tag: {MIRRORED}, poll_seconds: {LOOK_SECONDS}}}\n"
    )
    sources += (
        f"  - {{name: {BUCKET_SOURCE}, kind: s3, where: 's3://{BUCKET}', connection: {BUCKET_CONNECTION}, "
        f"poll_seconds: {LOOK_SECONDS}}}\n"
    )
    own = (repository / "config" / "ingest.yaml").read_text(encoding="utf-8")
    for key in ("round_seconds", "progress_seconds"):
        assert f"{key}: 25 " in own
        own = own.replace(f"{key}: 25 ", f"{key}: {STILL_SECONDS:g} ")
    path = home / "config" / "ingest.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(own + sources, encoding="utf-8")


def bucket_connection(access: AwsAccess) -> dict[str, str]:
    """Return the environment that tells Airflow how the bucket is reached."""
    connection = {
        "conn_type": "aws",
        "login": access.access_key_id,
        "password": access.secret_access_key,
        "extra": {"region_name": access.region, "endpoint_url": access.endpoint_url},
    }
    return {f"AIRFLOW_CONN_{BUCKET_CONNECTION.upper()}": json.dumps(connection)}


@contextmanager
def airflow_client(settings: Settings) -> Iterator[httpx.Client]:
    """Open Airflow's REST API as its administrator."""
    login = {"username": settings.airflow_user, "password": settings.airflow_password}
    with httpx.Client(base_url=settings.airflow_api_url, trust_env=False, timeout=30) as client:
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def questions(client: httpx.Client, source: str) -> list[dict[str, Any]]:
    """Return the runs that ask about a source's deletions and wait for an answer, oldest first."""
    runs = client.get("/api/v2/dags/approve_deletions/dagRuns", params={"order_by": "run_after"}).raise_for_status()
    waiting = []
    for run in runs.json()["dag_runs"]:
        if run["conf"].get("source") != source or run["state"] != "running":
            continue
        path = f"/api/v2/dags/approve_deletions/dagRuns/{run['dag_run_id']}/taskInstances/approve"
        if client.get(path).raise_for_status().json()["state"] == "awaiting_input":
            waiting.append(run)
    return waiting


def question(client: httpx.Client, run: dict[str, Any]) -> dict[str, Any]:
    """Return subject and text of a question."""
    path = f"/api/v2/dags/approve_deletions/dagRuns/{run['dag_run_id']}/taskInstances/approve/-1/hitlDetails"
    return dict(client.get(path).raise_for_status().json())


def answer(client: httpx.Client, run: dict[str, Any], option: str) -> None:
    """Answer a question as a person does; a database that is locked for a moment is asked again."""
    path = f"/api/v2/dags/approve_deletions/dagRuns/{run['dag_run_id']}/taskInstances/approve/-1/hitlDetails"
    for _ in range(20):
        response = client.patch(path, json={"chosen_options": [option], "params_input": {}})
        # 409 after a 500: the answer was stored although the reply was an error.
        if response.status_code in {200, 409}:
            return
        assert response.status_code >= 500, response.text
        time.sleep(1)
    raise AssertionError(response.text)
