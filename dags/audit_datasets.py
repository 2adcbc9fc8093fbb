"""The DAG that keeps datasets honest: list → a mapped audit of each → nothing is taken on trust. And retention beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from docgraph.airflow import defaults
from docgraph.airflow.assets import READY

DOC = """
### Compare everything, repair what differs, judge anew

Each ingestion run compares what it touched. Once a day `audit` compares each dataset in full: every section and vector by
id, every vector and every text by hash. What differs is repaired; vectors that abandoned attempts left staged are collected.
Then the dataset gets a new verdict and a report without jobs. Where it is ready and in order, its asset
`docgraph://TAG/ready` gets an event.

It keeps to the commit protocol, so it may run while documents are being ingested, and clearing it is safe. It fails when
something could not be repaired or the dataset is not ready: the report, and `ingestctl verify --tag TAG`, say what it is.

`remove_expired` removes what `retention` in `config/ingest.yaml` no longer keeps: old jobs, artifacts, snapshots, reports, tombstones.
"""


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=DOC,
    tags=["docgraph"],
    default_args=defaults.DEFAULT_ARGS,
)
def audit_datasets() -> None:
    """Wire the audit and retention, which don't wait for each other."""

    @task(doc_md="Lists the tags of all datasets.")
    def list_datasets() -> list[str]:
        from docgraph.airflow import tasks

        return tasks.list_datasets()

    @task(
        pool="stores",
        map_index_template="{{ tag }}",
        # Two comparisons at once would only halve each other's speed.
        max_active_tis_per_dagrun=1,
        outlets=[READY],
        doc_md="Compares one dataset in full, repairs it, publishes the verdict, and announces the dataset if it is ready.",
    )
    def audit(tag: str) -> dict[str, Any]:
        from docgraph.airflow import tasks

        return tasks.audit(tag)

    @task(doc_md="Removes what retention does not keep any longer.")
    def remove_expired() -> dict[str, int]:
        from docgraph.airflow import tasks

        return tasks.remove_expired()

    audit.expand(tag=list_datasets())
    remove_expired()


audit_datasets()
