"""Runs tasks of docgraph as Airflow does, and prints what they said as JSON on the last line of the output.

Run in a process and an AIRFLOW_HOME of its own: Airflow reads its settings once, when it is first imported.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow.sdk import DAG, task

from docgraph.airflow import connections, tasks
from docgraph.runtime.config import SourceConfig
from docgraph.settings import AwsAccess

with DAG("what_a_task_reads", schedule=None) as reading:
    task(task_id="datasets")(tasks.list_datasets)()

with DAG("what_a_task_is_told", schedule=None) as told:

    @task
    def seen() -> dict[str, Any]:
        settings = connections.task_settings()
        return {
            "neo4j": [settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password],
            "redis": settings.redis_url,
            "aws": _told(settings.aws),
            "qdrant": settings.qdrant_url,
        }

    seen()

with DAG("what_sources_are_told", schedule=None) as sources:

    @task
    def seen_by_sources() -> dict[str, Any]:
        told = {}
        for connection in ("", "partner"):
            wanted = SourceConfig(name="manuals", kind="s3", where="s3://bucket", connection=connection)
            settings = connections.source_settings(wanted)
            told[connection or "default"] = {"source": _told(settings.s3[connection]), "blobs": _told(settings.aws)}
        return told

    seen_by_sources()


def _told(access: AwsAccess) -> list[str | None]:
    return [access.endpoint_url, access.region, access.access_key_id, access.secret_access_key]


if __name__ == "__main__":
    run = {each.dag_id: each for each in (reading, told, sources)}[sys.argv[1]].test()
    (instance,) = run.get_task_instances()
    print(json.dumps({"state": str(instance.state), "said": instance.xcom_pull(task_ids=instance.task_id)}))
