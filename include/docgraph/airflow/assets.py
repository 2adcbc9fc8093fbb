"""The Airflow Asset of each dataset, `docgraph://<tag>/ready`: it gets an event whenever a report says that the dataset is ready.

The tag is known only while a task runs, hence the alias: the task declares it as its outlet and adds the asset when it has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset, AssetAlias, get_current_context

if TYPE_CHECKING:
    from docgraph.stores.blobs.base import BlobStore

#: What a DAG is scheduled on that wants the events of all datasets, those included that don't exist yet.
READY = AssetAlias("docgraph-ready")


def ready_asset(tag: str) -> Asset:
    """Return the asset of one dataset."""
    return Asset(f"docgraph://{tag}/ready")


def announce(reports: BlobStore, report_id: str) -> None:
    """Add the event of a report to the running task if the dataset is ready by it; otherwise do nothing.

    Airflow publishes the events of a task when the task has succeeded.
    """
    # Here and not at the top: DAG files import this module for its alias.
    from docgraph.readiness.report import read_report

    report = read_report(reports, report_id)
    if report["ready_for_queries"]:
        extra = {"run": report["run_id"], "report": report_id, "counts": report["counts"]}
        get_current_context()["outlet_events"][READY].add(ready_asset(report["tag"]), extra=extra)
