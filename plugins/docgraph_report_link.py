"""Registers docgraph's operator links with Airflow: without it the UI can't show what the tasks stored."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from docgraph.airflow.links import ReportLink


class DocgraphReportLinkPlugin(AirflowPlugin):
    """From a task instance to the report of its run."""

    name = "docgraph_report_link"
    operator_extra_links = [ReportLink()]  # noqa: RUF012 — Airflow's own way of declaring it
