"""The link from a task instance in Airflow's UI to the report of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from docgraph.api.report_links import signed_report_url
from docgraph.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


class ReportLink(BaseOperatorLink):
    """Opens the report of the run; it is signed, so that a browser needs no token, and works once the report is out."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Ingest report"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the run's report in the sidecar."""
        del operator
        return signed_report_url(Settings.load(), ti_key.run_id)
