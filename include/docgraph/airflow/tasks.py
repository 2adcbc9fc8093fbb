"""What the DAGs' tasks call: open a runtime, call one function of a package below, close it.

Each call lives in a task process of its own; XCom carries job ids only. DAG files import this inside of their tasks, never at
their top: it brings the stores' clients along, and Airflow reads DAG files every half minute.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from docgraph.airflow import assets, connections
from docgraph.domain.errors import ReembeddingRefusedError
from docgraph.domain.jobs import JobState
from docgraph.domain.verdict import ReasonCode
from docgraph.ingest import pipeline
from docgraph.readiness import operations, publishing, retention
from docgraph.readiness.audit import audit as audit_dataset
from docgraph.reembed import backfilling, moving
from docgraph.state import OperationKind

logger = logging.getLogger(__name__)


def claim(params: dict[str, Any], run_id: str) -> list[list[str]]:
    """Claim the run's jobs; returns batches of job ids, one for each mapped index."""
    with connections.runtime() as runtime:
        return pipeline.claim(runtime, run_id, params["tag"], params.get("job_ids"))


def run_stage(stage: str, batch: Sequence[str]) -> None:
    """Bring one batch through one stage, and name the mapped index after its documents."""
    context = get_current_context()
    with connections.runtime() as runtime:
        context["batch"] = batch_label(runtime.state.jobs.get_many(batch))  # type: ignore[typeddict-unknown-key]
        pipeline.run_stage(runtime, stage, str(context["run_id"]), batch, breaks=(AirflowTaskTimeout,))


def report(params: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Publish the run's report and verdict, and announce the dataset where it is ready; returns what `conclude` needs.

    Bad news don't fail this task: a dataset may be ready although a job failed, and Airflow passes on the events of a
    task that succeeded only.
    """
    with connections.runtime() as runtime:
        published = publishing.publish(runtime, run_id, params["tag"])
        assets.announce(runtime.reports, published.report_id)
    return {
        "report": published.report_id,
        "ready": published.ready,
        "failed": published.failed,
        "sentence": published.sentence,
    }


def conclude(reported: Mapping[str, Any]) -> None:
    """Let the run end as what its report says.

    Raises:
        ReportedFailure: a job failed or the dataset is not ready, so that the run shows as failed.
    """
    if reported["failed"] or not reported["ready"]:
        raise ReportedFailure(reported["sentence"])


def list_datasets() -> list[str]:
    """Return the tags of all datasets."""
    with connections.runtime() as runtime:
        return [str(row["tag"]) for row in runtime.graph.datasets()]


def audit(tag: str) -> dict[str, Any]:
    """Compare one dataset in full, repair it, publish the verdict, and announce the dataset where it is ready and in order.

    Raises:
        ReportedFailure: something is left that could not be repaired, or the dataset is not ready; the report says what.
    """
    context = get_current_context()
    context["tag"] = tag  # type: ignore[typeddict-unknown-key]
    with connections.runtime() as runtime:
        repaired = audit_dataset(runtime, tag, str(context["run_id"]))
        # A dataset whose documents were all deleted is not ready, but nobody has to look at it every day.
        against = [reason.code for reason in repaired.verdict.reasons if reason.code is not ReasonCode.NO_DOCUMENTS]
        if against or not repaired.after.is_equal:
            reasons = ", ".join(dict.fromkeys(against))
            place = runtime.reports.address(repaired.report)
            raise ReportedFailure(f"The dataset {tag} is not in order ({reasons or 'drift is left'}); see {place}.")
        assets.announce(runtime.reports, repaired.report)
    return {"report": repaired.report, "ready": repaired.verdict.ready}


def begin_operation(params: dict[str, Any], run_id: str) -> list[dict[str, Any]]:
    """Note what a run of `verify_datasets` is to do; returns its targets, one for each mapped index."""
    targets = [operations.Target.from_json(raw) for raw in params["targets"]]
    with connections.runtime() as runtime:
        ordered = operations.begin(runtime, run_id, OperationKind(params["operation"]), targets)
    return [target.as_json() for target in ordered]


def work_on(target: dict[str, Any], params: dict[str, Any], run_id: str) -> None:
    """Verify or repair one dataset, and name the mapped index after it."""
    context = get_current_context()
    context["tag"] = target["tag"]  # type: ignore[typeddict-unknown-key]
    kind = OperationKind(params["operation"])
    with connections.runtime() as runtime:
        wanted = operations.Target.from_json(target)
        operations.work_on(runtime, run_id, kind, wanted, with_vectors=bool(params["vectors"]))


def finish_operation(run_id: str) -> None:
    """End the operation for those who follow it, and let the run end as what it found.

    Raises:
        ReportedFailure: a dataset differs, or could not be looked at.
    """
    with connections.runtime() as runtime:
        conclusion = operations.finish(runtime, run_id)
    if not conclusion.equal:
        raise ReportedFailure(conclusion.sentence)


def begin_reembedding(params: dict[str, Any], run_id: str) -> str:
    """Let commits go to the new version too; returns its name."""
    with connections.runtime() as runtime:
        return moving.begin(runtime, params["tag"], params.get("to"), run_id=run_id)


def plan_backfill(tag: str) -> list[list[str]]:
    """Return the batches of documents to bring into the new version, one for each mapped index."""
    with connections.runtime() as runtime:
        return backfilling.plan(runtime, tag)


def backfill(tag: str, version: str, batch: Sequence[str]) -> None:
    """Bring one batch of documents into the version that is being built."""
    with connections.runtime() as runtime:
        backfilling.backfill(runtime, tag, version, batch)


def complete_reembedding(tag: str, version: str, run_id: str) -> dict[str, Any]:
    """Compare the new version, ask it probes, give it to readers, and announce the dataset where it is ready.

    Raises:
        ReportedFailure: it is not fit; readers keep theirs, and clearing the task tries again.
    """
    with connections.runtime() as runtime:
        try:
            moved = moving.complete(runtime, tag, version, run_id=run_id)
        except ReembeddingRefusedError as error:
            raise ReportedFailure(str(error)) from error
        assets.announce(runtime.reports, moved.report)
    return {"report": moved.report, "ready": moved.verdict.ready}


def remove_expired() -> dict[str, int]:
    """Remove what retention does not keep any longer; returns how much, by kind."""
    with connections.runtime() as runtime:
        return retention.remove_expired(runtime).as_json()


class ReportedFailure(AirflowFailException):
    """The report is published; it says that a job failed or that the dataset is not ready."""


def batch_label(states: Sequence[JobState]) -> str:
    """Return the name of a batch in Airflow's grid: its first document, and how many others."""
    if not states:
        return "nothing left to do"
    first = unquote(PurePosixPath(urlsplit(states[0].job.source_uri).path).name)
    return first if len(states) == 1 else f"{first} +{len(states) - 1}"
