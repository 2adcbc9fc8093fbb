"""What the tasks of the watching DAGs call: take what has changed, start the runs, ask a person about deletions in numbers."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import get_current_context

from docgraph.airflow import connections
from docgraph.airflow.defaults import APPROVAL_DAG
from docgraph.airflow.pulse import Pulse
from docgraph.airflow.runs import TaskRuns
from docgraph.domain.errors import InfrastructureError, StoreUnavailableError
from docgraph.ingest import refreshing, taking
from docgraph.ingest.launcher import RunLauncher
from docgraph.readiness.liveness import source_beat
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph.sources.base import Source
from docgraph.sources.registry import configured, source_of
from docgraph.state import Withheld

logger = logging.getLogger(__name__)


def seen_of(returned: Any) -> list[str]:
    """Return what a trigger saw, as the task behind its sensor is given it.

    Airflow 3.3.2 encodes the value of a task that ends in the triggerer twice, so that a list arrives as its JSON text.
    """
    decoded = json.loads(returned) if isinstance(returned, str) else returned
    return [str(each) for each in decoded or ()]


def take(source: Mapping[str, Any], seen: Sequence[str]) -> dict[str, list[str]]:
    """Turn what has changed in a source into jobs and start the runs that they need; returns tag → run ids.

    A run that can't be started loses nothing: the jobs stay queued, and the sidecar's dispatcher starts it later.

    Raises:
        InfrastructureError: the source can't be reached, or an original can't be put aside; what could be taken was.
    """
    wanted = SourceConfig.model_validate(source)
    with Runtime(connections.source_settings(wanted)) as runtime:
        own = source_of(wanted, runtime.settings, runtime.config)
        taken = _take(runtime, wanted, own, seen)
        runs = start_runs(runtime, taken, f"Started by {get_current_context()['dag'].dag_id}: its source has changed.")
        if taken.withheld is not None:
            ask(runtime, taken.withheld)
        if taken.unsettled is not None:
            raise taken.unsettled
        return runs


def _take(runtime: Runtime, wanted: SourceConfig, own: Source, seen: Sequence[str]) -> taking.Taken:
    """Take, and tell how it goes: no trigger looks meanwhile, and what fails here stands still whatever the next look sees."""
    pulse = Pulse(runtime.state)
    every = wanted.poll_seconds or 0.0
    try:
        taken = taking.take(
            runtime,
            own,
            seen,
            keep_deleted=wanted.deletions == "keep",
            guard=wanted.guard,
            progressed=lambda: pulse.beat(wanted.name, every),
        )
    except InfrastructureError as error:
        with contextlib.suppress(StoreUnavailableError):
            # Where this can't be told either, the missing sign tells it.
            runtime.state.liveness.tell(source_beat(wanted.name), every=every, error=str(error))
        raise
    runtime.state.liveness.tell(source_beat(wanted.name), every=every, error=str(taken.unsettled or ""))
    return taken


def mirrored_sources() -> list[dict[str, Any]]:
    """Return the configured sources that are mirrored, as `take` wants them."""
    settings = Settings.load()
    config = IngestConfig.load(settings.config_file, settings.options)
    return [wanted.model_dump(mode="json") for wanted, source in configured(settings, config) if source.remembers]


def sync(source: Mapping[str, Any]) -> dict[str, list[str]]:
    """Compare all that a mirrored source has with what is known of it, and name the mapped index after it; returns as `take`."""
    get_current_context()["source"] = source["name"]  # type: ignore[typeddict-unknown-key]
    return take(source, [])


def refresh(tag: str) -> dict[str, list[str]]:
    """Read the documents of a dataset again that would be made otherwise today, and name the mapped index after it."""
    get_current_context()["tag"] = tag  # type: ignore[typeddict-unknown-key]
    with connections.runtime() as runtime:
        taken = refreshing.refresh(runtime, tag)
        return start_runs(runtime, taken, "Started by sync_sources: an older pipeline had made these documents.")


def start_runs(runtime: Runtime, taken: taking.Taken, note: str) -> dict[str, list[str]]:
    """Start the runs that jobs need; returns tag → run ids."""
    runs: dict[str, list[str]] = {}
    jobs = runtime.state.jobs.get_many([job_id for job_ids in taken.jobs.values() for job_id in job_ids])
    for launch in _launcher(runtime).ingest(jobs, note=note):
        if launch.run_id is None:
            logger.warning("no run was started for %d jobs of %s: %s", len(launch.jobs), launch.tag, launch.error)
        else:
            runs.setdefault(launch.tag, []).append(launch.run_id)
    return runs


def ask(runtime: Runtime, withheld: Withheld) -> str:
    """Make sure that the question is asked once for each time something is withheld; returns the id of its run.

    Raises:
        StoreUnavailableError: Airflow can't start the run; asking again is harmless.
    """
    moment = "".join(character for character in withheld.since if character.isalnum())
    run_id = f"deletions__{withheld.source}__{moment}__{withheld.plan_id[:12]}"
    conf = {"source": withheld.source, "plan_id": withheld.plan_id}
    note = f"{len(withheld.removed)} documents have gone from {withheld.source}."
    return _launcher(runtime).create(APPROVAL_DAG, run_id, conf, note)


def _launcher(runtime: Runtime) -> RunLauncher:
    return RunLauncher(TaskRuns(), max_jobs_per_run=runtime.config.dispatch.max_jobs_per_run)
