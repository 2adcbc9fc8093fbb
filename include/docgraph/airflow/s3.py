"""Waiting at a bucket. Imported only where a source of this kind is configured: the provider takes a while to import."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor

from docgraph.airflow.connections import AWS
from docgraph.airflow.triggers import defer_to_source
from docgraph.runtime.config import SourceConfig


class ChangedObjectsSensor(S3KeySensor):
    """Airflow's `S3KeySensor` with its connection and its place in the UI; what has changed is seen in the triggerer.

    Airflow's own look tells that a key is there, not which ones are new, changed or gone; its trigger looks at other objects than
    its sensor does.
    """

    def __init__(self, *, source: dict[str, Any], **kwargs: Any) -> None:
        wanted = SourceConfig.model_validate(source)
        super().__init__(bucket_key=wanted.where, aws_conn_id=wanted.connection or AWS, deferrable=True, **kwargs)
        self.source = source

    def execute(self, context: Any) -> None:
        """Defer to `SourceTrigger`; no worker looks at the bucket."""
        defer_to_source(self, self.source)
