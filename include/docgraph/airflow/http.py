"""Waiting at a list on a web server. Imported only where a source of this kind is configured: the provider takes a while to import."""

from __future__ import annotations

from typing import Any

from airflow.providers.http.sensors.http import HttpSensor

from docgraph.airflow.triggers import defer_to_source
from docgraph.runtime.config import SourceConfig


class ListedDocumentsSensor(HttpSensor):
    """Airflow's `HttpSensor` with its connection and its place in the UI; what has changed is seen in the triggerer.

    Airflow's own look tells that an address answers, not what is new behind it; its trigger asks a server that refuses again at once,
    and its requests follow redirects wherever they lead.
    """

    def __init__(self, *, source: dict[str, Any], **kwargs: Any) -> None:
        wanted = SourceConfig.model_validate(source)
        super().__init__(endpoint=wanted.where, http_conn_id=wanted.connection, deferrable=True, **kwargs)
        self.source = source

    def execute(self, context: Any) -> None:
        """Defer to `SourceTrigger`; no worker asks the server."""
        defer_to_source(self, self.source)
