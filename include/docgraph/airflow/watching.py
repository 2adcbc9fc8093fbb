"""The DAGs that wait at sources: one a configured source, all made by one factory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, dag, task

from docgraph.airflow import defaults
from docgraph.airflow.triggers import CompleteFileSensor, SourceSensor
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import Settings
from docgraph.sources.filesystem import DropFolder
from docgraph.sources.registry import SourceKind, configured, kind_of

_DROP = """
### Drop a file, find it in the search

Files below `{folder}` are taken as soon as they are complete. The first folder is the dataset's tag; a file directly in
the watch folder goes to the default tag `{tag}`.

* `guide.md` alone is taken once its size and time have stood still.
* `guide.md` followed by an empty `guide.md.ready` is taken at once.

What was taken lies in `{done}`. A file that can't be ingested becomes a failed job that says why; the others go on.
"""
_OTHER = """
### {name}

Waits until the source `{name}` (kind `{kind}`) has something new, makes jobs of it and triggers `ingest_documents`. A document
that can't be ingested becomes a failed job that says why; the others go on.
"""


def watch_dags() -> Iterator[tuple[str, DAG]]:
    """Yield the DAG of each configured source, with its id `watch_<name>`.

    Raises:
        ConfigurationError: a source can't be made; Airflow shows it as an import error, and keeps the DAGs that it has.
    """
    settings = Settings.load()
    config = IngestConfig.load(settings.config_file, settings.options)
    for wanted, source in configured(settings, config):
        folder = source if isinstance(source, DropFolder) else None
        yield wanted.dag_id, _watch_dag(wanted, kind_of(wanted, settings), folder)


def _watch_dag(wanted: SourceConfig, kind: SourceKind, folder: DropFolder | None) -> DAG:
    # Without a start date the first run's interval is empty, and each later one would get the same logical date: only one ever ran.
    @dag(
        dag_id=wanted.dag_id,
        schedule="@continuous",
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        doc_md=_doc(wanted, folder),
        tags=["docgraph"],
        default_args=defaults.DEFAULT_ARGS,
    )
    def watch() -> None:
        source = wanted.model_dump(mode="json")
        waiting = _waiting(wanted, kind.seconds(wanted), folder)

        @task(
            task_id="take_files" if folder is not None else "take_changes",
            doc_md="Snapshots and enqueues what has changed, then triggers `ingest_documents`.",
        )
        def take(seen: Any) -> dict[str, list[str]]:
            from docgraph.airflow import intake

            return intake.take(source, intake.seen_of(seen))

        # Airflow gives the task the value that the sensor returned.
        take(waiting.output)

    return watch()


def _waiting(wanted: SourceConfig, seconds: float, folder: DropFolder | None) -> Any:
    """Make the sensor that a kind of source has; the providers of others are imported only where there is such a source."""
    if folder is not None:
        return CompleteFileSensor(
            task_id="wait_for_files",
            filepath=str(folder.root),
            settle_seconds=wanted.settle_seconds,
            source_name=wanted.name,
            poke_interval=seconds,
            # It waits as long as nothing comes.
            execution_timeout=None,
        )
    sensor: Any = SourceSensor
    if wanted.kind == "s3":
        from docgraph.airflow.s3 import ChangedObjectsSensor

        sensor = ChangedObjectsSensor
    elif wanted.kind == "http":
        from docgraph.airflow.http import ListedDocumentsSensor

        sensor = ListedDocumentsSensor
    return sensor(
        task_id="wait_for_changes",
        source=wanted.model_dump(mode="json"),
        poke_interval=seconds,
        execution_timeout=None,
    )


def _doc(wanted: SourceConfig, folder: DropFolder | None) -> str:
    if folder is None:
        return _OTHER.format(name=wanted.name, kind=wanted.kind)
    return _DROP.format(folder=folder.root, tag=wanted.tag, done=folder.done_root)
