"""The DAG that asks a person before a source's documents are deleted in numbers: describe → approve → delete → conclude."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from airflow.sdk import Param, dag, get_current_context, task

from docgraph.airflow import approving, defaults

DOC = """
### May these documents go?

A source that lost more documents at one look than its `guard` allows starts this DAG: an emptied bucket or a share that is not
mounted should not empty a dataset. The question waits under *Required Actions*. **Approve** deletes what is still gone by then,
**Reject** keeps it; without an answer for seven days it is kept as well. Clear `approve` to be asked again.

Where something else has gone by then, another question is asked about that, and the answer to this one does nothing.
"""

PARAMS = {
    "source": Param("filesystem", type="string", pattern="^[a-z0-9][a-z0-9-]{0,62}$", title="Source"),
    "plan_id": Param("0" * 64, type="string", pattern="^[0-9a-f]{64}$", title="Id of the plan that is in question"),
}


@dag(
    dag_id=defaults.APPROVAL_DAG,
    schedule=None,
    catchup=False,
    max_active_runs=16,
    params=PARAMS,
    doc_md=DOC,
    tags=["docgraph"],
    default_args=defaults.DEFAULT_ARGS,
)
def approve_deletions() -> None:
    """Wire the question, the deletion and the end."""

    @task(doc_md="Says what has gone, for the question.")
    def describe(params: dict[str, Any] | None = None) -> dict[str, str]:
        return approving.describe(dict(params or {}))

    question = describe()
    approve = approving.DeletionApproval(
        task_id="approve",
        subject="{{ ti.xcom_pull('describe')['subject'] }}",
        body="{{ ti.xcom_pull('describe')['body'] }}",
        defaults=approving.DeletionApproval.REJECT,
        response_timeout=timedelta(days=7),
        execution_timeout=None,
        # Neither answer is a failure, so that nobody is asked again for it. What is retried, with another question, is a task
        # that was lost: Airflow 3.3.2 fails one that is answered in the very moment in which it begins to wait.
        retries=3,
    )

    @task(doc_md="Makes the deletions that were approved, and triggers `ingest_documents`.")
    def delete(params: dict[str, Any] | None = None) -> dict[str, list[str]]:
        return approving.delete(dict(params or {}))

    # Not directly behind the question: what is, is skipped on Reject whatever its rule.
    @task(trigger_rule="all_done", doc_md="Notes a refusal, and says what became of the question.")
    def conclude(params: dict[str, Any] | None = None) -> str:
        answer = cast(Any, get_current_context()["ti"]).xcom_pull(task_ids="approve", key=approving.ANSWER)
        return approving.conclude(dict(params or {}), answer)

    question >> approve >> delete() >> conclude()


approve_deletions()
