"""The DAG that turns dropped files into jobs: wait → take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from airflow.sdk import dag, task

from docgraph.airflow import tasks
from docgraph.airflow.triggers import CompleteFileSensor
from docgraph.runtime.config import IngestConfig
from docgraph.settings import Settings

DOC = """
### Drop a file, find it in the search

Files below the watch folder (`ingest/watch/` unless set otherwise) are taken as soon as they are complete. The first
folder is the dataset's tag; a file directly in the watch folder goes to the default tag.

* `guide.md` alone is taken once its size and time have stood still.
* `guide.md` followed by an empty `guide.md.ready` is taken at once.

What was taken lies in `ingest/done/`. A file that can't be ingested becomes a failed job that says why; the others go on.
"""

settings = Settings.load()
config = IngestConfig.load(settings.config_file, settings.options)


# Without a start date the first run's interval is empty, and each later one would get the same logical date: only one ever ran.
@dag(
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=DOC,
    tags=["docgraph"],
    default_args=tasks.DEFAULT_ARGS,
)
def watch_filesystem() -> None:
    """Wire the sensor and the taking."""
    wait_for_files = CompleteFileSensor(
        task_id="wait_for_files",
        filepath=str(settings.watch_root),
        settle_seconds=config.watch.settle_seconds,
        poke_interval=0.5,
    )

    @task(doc_md="Snapshots and enqueues every complete file, then triggers `ingest_documents`.")
    def take_files(still: list[str] | None) -> dict[str, str]:
        return tasks.take_files(still or [])

    # Airflow gives the task the value that the sensor returned.
    take_files(cast(list[str], wait_for_files.output))


watch_filesystem()
