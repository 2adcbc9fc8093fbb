"""The DAG that processes queued jobs: claim → a mapped group of the six stages → report → conclude."""

from __future__ import annotations

from typing import Any, cast

from airflow.sdk import Param, XComArg, dag, get_current_context, task, task_group

from docgraph.airflow import defaults
from docgraph.airflow.assets import READY
from docgraph.airflow.links import ReportLink

DOC = """
### From queued jobs to a published verdict

`claim` takes the run's jobs (or, started by hand without job ids, everything that is queued for the tag), settles
documents that have not changed, and cuts the rest into batches. Each mapped index is one batch; it is named after its
documents. `report` always runs: it publishes the report and the readiness verdict, and where the dataset is ready its
asset `docgraph://TAG/ready` gets an event. `conclude` fails the run if a job failed or the dataset is not ready.

| stage | does |
| --- | --- |
| `parse` | snapshot → sections |
| `extract` | sections → entities and relations |
| `build_graph` | the difference against what is committed |
| `embed` | added sections → vectors, durable batch by batch |
| `vector_upsert` | vectors → staged points, seen by nobody |
| `reconcile` | commit in one transaction, sweep, verify |

Clearing a task is safe: what is done is recognised by its fingerprint and skipped, and what the report had to give up is
taken up again. To stop work, cancel the *job*
(`ingestctl cancel JOB`), not the run: a run marked failed also skips its report, and its jobs are queued again.
"""

PARAMS = {
    "tag": Param(
        "docs", type="string", pattern="^[a-z0-9][a-z0-9-]{0,62}$", title="Dataset", description="Tag of the dataset"
    ),
    "job_ids": Param(
        None,
        type=["null", "array"],
        items={"type": "string"},
        title="Jobs",
        description="Ids of the jobs to process, one a line; empty: everything that is queued for the dataset",
    ),
}
STAGE_POOLS = {"embed": "embed", "vector_upsert": "stores", "reconcile": "stores"}


def _linked(task_output: XComArg) -> XComArg:
    # Every output of a task has its operator; the base class that annotations name does not say so.
    cast(Any, task_output).operator.operator_extra_links = (ReportLink(),)
    return task_output


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params=PARAMS,
    doc_md=DOC,
    tags=["docgraph"],
    default_args=defaults.DEFAULT_ARGS,
)
def ingest_documents() -> None:
    """Wire claim, stages, report and conclusion."""

    @task(doc_md="Takes the run's jobs, settles the unchanged ones, and cuts the rest into batches.")
    def claim(params: dict[str, Any] | None = None) -> list[list[str]]:
        from docgraph.airflow import tasks

        return tasks.claim(dict(params or {}), str(get_current_context()["run_id"]))

    def stage(name: str, batch: Any) -> XComArg:
        @task(
            task_id=name,
            pool=STAGE_POOLS.get(name, "default_pool"),
            map_index_template="{{ batch }}",
            max_active_tis_per_dagrun=4,
            do_xcom_push=False,
        )
        def run(batch: list[str]) -> None:
            from docgraph.airflow import tasks

            tasks.run_stage(name, batch)

        return _linked(run(batch))

    @task_group(group_id="documents", tooltip="One batch of documents through the six stages")
    def documents(batch: list[str]) -> None:
        previous = None
        for name in ("parse", "extract", "build_graph", "embed", "vector_upsert", "reconcile"):
            current = stage(name, batch)
            if previous is not None:
                previous >> current
            previous = current

    @task(
        trigger_rule="all_done",
        outlets=[READY],
        doc_md="Publishes the report and the readiness verdict, and announces the dataset if it is ready.",
    )
    def report(params: dict[str, Any] | None = None) -> dict[str, Any]:
        from docgraph.airflow import tasks

        return tasks.report(dict(params or {}), str(get_current_context()["run_id"]))

    @task(doc_md="Fails the run if a job failed or the dataset is not ready.")
    def conclude(reported: dict[str, Any]) -> None:
        from docgraph.airflow import tasks

        tasks.conclude(reported)

    reported = _linked(report())
    documents.expand(batch=claim()) >> reported
    # TaskFlow gives the task the value that the other one returned.
    _linked(conclude(cast(dict[str, Any], reported)))


ingest_documents()
