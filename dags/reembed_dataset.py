"""The DAG that moves a dataset to another embedding version: begin → plan → a mapped back-fill → compare, probe, switch."""

from __future__ import annotations

from typing import Any, cast

from airflow.sdk import Param, dag, get_current_context, task

from docgraph.airflow import defaults
from docgraph.airflow.assets import READY

DOC = """
### Another embedding model, without a moment in which nobody can search

The dataset keeps its embedding version, and its readers, until the new one is complete and tried. `begin` lets every commit go to
both versions from now on. `backfill` brings the sections that were there before, a batch of documents an index; each batch of texts is
durable, so that a killed task loses that one at most. `complete` compares the new version with the graph in full, vectors by hash,
repairs what differs, puts probes through the real retrieval, and only then gives the version to readers, in one transaction. The points of
the old one stay until `ingestctl retire-embeddings`.

It needs a server of each version: `DOCGRAPH_EMBEDDINGS_URL` and `DOCGRAPH_SECOND_EMBEDDINGS_URL`. Started by `ingestctl reembed
--tag TAG`, or here; a second run for the same dataset goes on where an earlier one stopped. A run that failed has changed nothing for
readers: clear its failed task, or give up with `ingestctl reembed --tag TAG --abort`.
"""

PARAMS = {
    "tag": Param(
        "docs", type="string", pattern="^[a-z0-9][a-z0-9-]{0,62}$", title="Dataset", description="Tag of the dataset"
    ),
    "to": Param(
        None,
        type=["null", "string"],
        title="Embedding version",
        description="Name of the version to move to; empty: the one that a server makes and the dataset does not use",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=2,
    params=PARAMS,
    doc_md=DOC,
    tags=["docgraph"],
    default_args=defaults.DEFAULT_ARGS,
)
def reembed_dataset() -> None:
    """Wire begin, back-fill and completion."""

    @task(doc_md="Lets commits go to the new version too.")
    def begin(params: dict[str, Any] | None = None) -> str:
        from docgraph.airflow import tasks

        return tasks.begin_reembedding(dict(params or {}), str(get_current_context()["run_id"]))

    # After the beginning: what is committed later is in both versions by itself.
    @task(doc_md="Cuts the documents that are there into batches.")
    def plan(params: dict[str, Any] | None = None) -> list[list[str]]:
        from docgraph.airflow import tasks

        return tasks.plan_backfill(dict(params or {})["tag"])

    @task(
        pool="embed",
        # The other place of the pool is for documents that come in meanwhile.
        max_active_tis_per_dag=1,
        do_xcom_push=False,
        doc_md="Brings the sections of a batch of documents into the new version.",
    )
    def backfill(batch: list[str], version: str, params: dict[str, Any] | None = None) -> None:
        from docgraph.airflow import tasks

        tasks.backfill(dict(params or {})["tag"], version, batch)

    # A dataset without documents has no batch, and can move all the same.
    @task(
        pool="stores",
        trigger_rule="none_failed",
        outlets=[READY],
        doc_md="Compares in full, asks probes, gives the version to readers, publishes a verdict, announces a ready dataset.",
    )
    def complete(version: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        from docgraph.airflow import tasks

        return tasks.complete_reembedding(dict(params or {})["tag"], version, str(get_current_context()["run_id"]))

    version, batches = begin(), plan()
    version >> batches
    backfill.partial(version=version).expand(batch=batches) >> complete(cast(str, version))


reembed_dataset()
