"""The DAG that takes nothing on trust about sources: each mirrored one is compared whole, and what older readers made is read again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, dag, task

from docgraph.airflow import defaults

DOC = """
### What the watchers may have missed

The DAGs `watch_<name>` follow each source as it changes. Once a night `sync` lists each mirrored source (folders, S3, web servers) whole
and compares it with all that is known of it; what differs becomes jobs, and deletions keep to the source's `guard`. `refresh` reads
the documents again that an older reader, or other options, had made: from the bytes that are kept, and only sections whose text changed
are embedded. So after an upgrade nobody has to send anything again; trigger this DAG by hand to have it at once.

A run compares what there *is*, whatever its data interval: run twice it finds nothing the second time, and a backfill over past days
(`airflow backfill create --dag-id sync_sources`, which needs PostgreSQL or MySQL as Airflow's database) does its work in the first of its
runs. Sources don't tell what they held on a past day.
"""


@dag(
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=DOC,
    tags=["docgraph"],
    default_args=defaults.DEFAULT_ARGS,
)
def sync_sources() -> None:
    """Wire sources and datasets, which don't wait for each other."""

    @task(doc_md="Lists the sources that are mirrored.")
    def list_sources() -> list[dict[str, Any]]:
        from docgraph.airflow import intake

        return intake.mirrored_sources()

    @task(map_index_template="{{ source }}", doc_md="Compares one source whole, and makes jobs of what differs.")
    def sync(source: dict[str, Any]) -> dict[str, list[str]]:
        from docgraph.airflow import intake

        return intake.sync(source)

    @task(doc_md="Lists the tags of all datasets.")
    def list_datasets() -> list[str]:
        from docgraph.airflow import tasks

        return tasks.list_datasets()

    @task(
        map_index_template="{{ tag }}",
        doc_md="Reads the documents of one dataset again that would be made otherwise today.",
    )
    def refresh(tag: str) -> dict[str, list[str]]:
        from docgraph.airflow import intake

        return intake.refresh(tag)

    sync.expand(source=list_sources())
    refresh.expand(tag=list_datasets())


sync_sources()
