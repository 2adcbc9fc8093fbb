"""The sensor of a list on a web server: Airflow's own kind, which waits where no worker is needed."""

from __future__ import annotations

import pytest
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk.exceptions import TaskDeferred

from docgraph.airflow.http import ListedDocumentsSensor
from docgraph.airflow.triggers import SourceTrigger
from docgraph.runtime.config import SourceConfig


def test_it_is_airflows_sensor_and_waits_in_the_triggerer_without_a_look_of_its_own() -> None:
    wanted = SourceConfig(
        name="handbook", kind="http", where="https://example.org/sitemap.xml", tag="handbook", connection="docs_site"
    )
    source = wanted.model_dump(mode="json")
    sensor = ListedDocumentsSensor(task_id="wait_for_changes", source=source, poke_interval=60.0)
    assert isinstance(sensor, HttpSensor)
    assert (sensor.endpoint, sensor.http_conn_id, sensor.deferrable) == (wanted.where, "docs_site", True)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    trigger = deferred.value.trigger
    assert isinstance(trigger, SourceTrigger)
    assert trigger.serialize()[1] == {"source": source, "poke_interval": 60.0}
    assert SourceConfig.model_validate(trigger.source) == wanted
