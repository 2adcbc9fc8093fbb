"""A DAG of yours that starts whenever the dataset `docs` is ready: it says what has changed and asks a question.

It needs nothing of docgraph but the service's address and token, so it may run in any Airflow that shares its metadata
database with docgraph's DAGs.
"""

from __future__ import annotations

import os
from typing import Any

import httpx
from airflow.sdk import Asset, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

TAG = "docs"
READY = Asset(f"docgraph://{TAG}/ready")


@dag(schedule=READY, catchup=False, tags=["example"])
def use_ready_dataset() -> None:
    """Wire the two tasks."""

    @task
    def changes() -> dict[str, Any]:
        # Several reports may have come out since the last run started; the newest says how the dataset is now.
        events = get_current_context()["triggering_asset_events"][READY]
        counts = [event.extra["counts"] for event in events]
        changed = sum(each[outcome] for each in counts for outcome in ("created", "updated", "deleted"))
        if not changed:
            raise AirflowSkipException("Nothing has changed since the last time.")
        newest = max(events, key=lambda event: event.timestamp)
        return {"changed": changed, **newest.extra}

    @task
    def ask(found: dict[str, Any]) -> str:
        answer = httpx.get(
            f"{os.environ['DOCGRAPH_SERVICE_URL']}/v1/search",
            params={"tag": TAG, "q": "How do I begin?", "limit": "1"},
            headers={"Authorization": f"Bearer {os.environ['DOCGRAPH_TOKEN']}"},
            timeout=30,
        )
        answer.raise_for_status()
        (best,) = answer.json()["evidence"]
        return f"{found['changed']} documents changed in {found['run']}; a newcomer reads {best['source_uri']} first."

    ask(changes())  # type: ignore[arg-type]  # Airflow hands over what the reference stands for.


use_ready_dataset()
