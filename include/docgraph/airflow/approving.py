"""What the tasks of `approve_deletions` call: describe the question, delete what was approved, note what was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from docgraph.airflow.connections import runtime, source_runtime

#: Key under which the question's task leaves its answer.
ANSWER = "answer"
#: Addresses that a question names; the number of all is beside them.
_SHOWN = 20


def describe(params: Mapping[str, Any]) -> dict[str, str]:
    """Return subject and text of the question.

    Raises:
        AirflowSkipException: that plan waits no longer, so that nobody is asked.
    """
    with runtime() as opened:
        withheld = opened.state.withheld.get(params["source"])
    if withheld is None or withheld.plan_id != params["plan_id"]:
        raise AirflowSkipException(
            "What has gone from the source is something else now; this question needs no answer."
        )
    count = len(withheld.removed)
    datasets = ", ".join(f"{number} in {tag}" for tag, number in sorted(withheld.tags.items()))
    shown = "\n".join(f"* `{uri}`" for uri in sorted(withheld.removed)[:_SHOWN])
    more = f"\n* and {count - _SHOWN} more" if count > _SHOWN else ""
    body = (
        f"Of {withheld.known} documents of the source **{withheld.source}**, **{count}** have gone ({datasets}; seen at "
        f"{withheld.since}). They are still found by searches.\n\n{shown}{more}\n\n"
        f"**Approve** deletes those that are still gone by then. **Reject** keeps all of them; reports say so. No answer counts "
        f"as Reject. Plan `{withheld.plan_id[:12]}`."
    )
    return {"subject": f"Delete {count} documents that have gone from {withheld.source}?", "body": body}


def delete(params: Mapping[str, Any]) -> dict[str, list[str]]:
    """Delete what was approved and start the runs; returns tag → run ids.

    Raises:
        AirflowSkipException: what is gone is something else by now; another question was asked about that.
    """
    # Here and not at the top: the DAG file imports this module whenever Airflow reads it.
    from docgraph.airflow.intake import start_runs
    from docgraph.ingest import taking
    from docgraph.sources.registry import source_of

    with source_runtime(params["source"]) as (opened, wanted):
        own = source_of(wanted, opened.settings, opened.config)
        taken = taking.approve(opened, own, params["plan_id"])
        if taken is None:
            raise AirflowSkipException("What has gone from the source is something else now; nothing was deleted.")
        return start_runs(opened, taken, f"Deletions of {own.name} were approved.")


def conclude(params: Mapping[str, Any], answer: Mapping[str, Any] | None) -> str:
    """Note a refusal where there was one; returns what became of the question, in words."""
    if not answer:
        return "nobody was asked"
    if answer["approved"]:
        return f"approved by {answer['by']}"
    with runtime() as opened:
        refused = opened.state.withheld.refuse(params["source"], params["plan_id"], answer["by"])
    return f"rejected by {answer['by'] or 'nobody in time'}" if refused else "rejected, and no longer in question"


class DeletionApproval(ApprovalOperator):
    """Airflow's `ApprovalOperator`, which says who answered what also where the answer is Reject.

    What it returns on Approve it returns on Reject to nobody: skipping what is behind it ends the task before that.
    """

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Push the answer, then go on as Airflow's operator does."""
        if "error" not in event:
            user = event.get("responded_by_user") or {}
            # Empty where the time ran out and the default was taken.
            by = str(user.get("name") or user.get("id") or "")
            answer = {"approved": list(event["chosen_options"]) == [self.APPROVE], "by": by}
            context["ti"].xcom_push(key=ANSWER, value=answer)
        return super().execute_complete(context, event)
