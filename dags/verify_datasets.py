"""The DAG that verifies or repairs datasets on request: begin → a mapped task for each dataset → finish."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from docgraph.airflow import defaults

DOC = """
### Do graph, full-text index and vectors hold the same?

`ingestctl verify` and `ingestctl repair` start this DAG through the service, follow it, and end as it does; what it found is at
`GET /v1/operations/RUN_ID` for a week. A restart of the service, or of the client, ends nothing.

With `operation` = `verify` each dataset is compared and nothing is changed; with `repair` what differs is repaired, compared again, and the
dataset gets a new verdict and a report. It keeps to the commit protocol, so it may run while documents are being ingested, and clearing a
task is safe. The run fails when a dataset differs at the end, or could not be looked at.
"""

PARAMS = {
    "operation": Param("verify", type="string", enum=["verify", "repair"], title="Operation"),
    "targets": Param(
        [{"tag": "docs"}],
        type="array",
        items={
            "type": "object",
            "required": ["tag"],
            "additionalProperties": False,
            "properties": {
                "tag": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
                "document_ids": {"type": ["null", "array"], "items": {"type": "string"}},
            },
        },
        title="Datasets",
        description="Each dataset's tag; with document_ids, only these documents of it",
    ),
    "vectors": Param(
        False,
        type="boolean",
        title="Read vectors back",
        description="When verifying: read every vector and text back and hash them, instead of comparing stored hashes",
    ),
}
#: The caller waits for the answer: an outage that lasts longer than some seconds is said instead of waited out.
ARGUMENTS = {**defaults.DEFAULT_ARGS, "retries": 2, "retry_delay": timedelta(seconds=2)}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params=PARAMS,
    doc_md=DOC,
    tags=["docgraph"],
    default_args=ARGUMENTS,
)
def verify_datasets() -> None:
    """Wire begin, the datasets and the end."""

    @task(doc_md="Notes what the run is to do; one mapped index a dataset follows.")
    def begin(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        from docgraph.airflow import tasks

        return tasks.begin_operation(dict(params or {}), str(get_current_context()["run_id"]))

    @task(
        pool="stores",
        map_index_template="{{ tag }}",
        # Two comparisons at once would only halve each other's speed.
        max_active_tis_per_dagrun=1,
        do_xcom_push=False,
        doc_md="Verifies or repairs one dataset, and keeps what it found.",
    )
    def work_on(target: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        from docgraph.airflow import tasks

        tasks.work_on(target, dict(params or {}), str(get_current_context()["run_id"]))

    @task(trigger_rule="all_done", doc_md="Tells those who follow the run how it ended, and lets it end so.")
    def finish() -> None:
        from docgraph.airflow import tasks

        tasks.finish_operation(str(get_current_context()["run_id"]))

    work_on.expand(target=begin()) >> finish()


verify_datasets()
