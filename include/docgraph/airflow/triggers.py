"""Waiting without a worker: triggers that see when a source has something to take, and the sensors that wait on them."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import functools
import json
import logging
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import BaseSensorOperator
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from docgraph.domain.errors import InfrastructureError
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.sources.filesystem import DropFolder

if TYPE_CHECKING:
    from docgraph.sources.base import Source
    from docgraph.state import State

#: Seconds after which a wait ends with nothing taken, far below the sensors' own limit: a quiet week is no failure.
QUIET_SECONDS = 24 * 3600.0
_LIMIT = timedelta(days=7)
#: Seconds for which a source may fail to answer before its task fails, and the longest pause between two tries.
PATIENCE_SECONDS = 600.0
_LONGEST_PAUSE = 60.0

logger = logging.getLogger(__name__)


class _Waiting(BaseTrigger):
    """Asks a source again and again, and ends the waiting task as soon as there is something to take."""

    poke_interval: float
    #: Why the last look failed; empty where it did not.
    _problem = ""

    @property
    @abc.abstractmethod
    def source_name(self) -> str:
        """The source that is looked at."""

    @abc.abstractmethod
    def _look(self) -> list[str] | None:
        """Look once; None: there is nothing to take."""

    def _interval(self) -> float:
        """Seconds until the next look."""
        return self.poke_interval

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the source; the task returns what was seen, nothing after a quiet day."""
        until = time.monotonic() + QUIET_SECONDS
        while (seen := await asyncio.to_thread(self._look_and_tell)) is None and time.monotonic() < until:
            await asyncio.sleep(self._interval())
        yield TaskSuccessEvent(xcoms={"return_value": [*(seen or [])]})

    def _look_and_tell(self) -> list[str] | None:
        try:
            return self._look()
        except InfrastructureError as error:
            self._problem = str(error)
            raise
        finally:
            self._tell()

    def _tell(self) -> None:
        # Here and not at the top, as all below that brings clients of stores along: DAG files import this module for its sensors.
        from docgraph.airflow.pulse import pulse

        try:
            pulse().beat(self.source_name, self._interval(), self._problem, self._claimed_age())
        except Exception:
            # A watch that lives and can't say so is better than none: what it doesn't say shows by itself.
            logger.exception("%s: no sign of life could be given", self.source_name)

    def _claimed_age(self) -> float | None:
        """Seconds for which the oldest file that is claimed has waited; None where there is none."""
        return None


class CompleteFileTrigger(_Waiting):
    """Fires when a file below the folder is announced by its marker, or has stood still long enough.

    Unlike Airflow's `FileTrigger` it is not set off by hidden files or files that are still being written.
    """

    def __init__(self, folder: str, settle_seconds: float, poke_interval: float, name: str = "filesystem") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.settle_seconds = settle_seconds
        self.poke_interval = poke_interval
        self.name = name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments from which the triggerer makes this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "folder": self.folder,
                "settle_seconds": self.settle_seconds,
                "poke_interval": self.poke_interval,
                "name": self.name,
            },
        )

    @property
    def source_name(self) -> str:
        """The folder's name in the configuration."""
        return self.name

    def _look(self) -> list[str] | None:
        return _folder(self.folder, self.settle_seconds, self.name).poll()

    def _claimed_age(self) -> float | None:
        since = time.time()
        claims = _folder(self.folder, self.settle_seconds, self.name).left_claimed()
        for claim in claims:
            with contextlib.suppress(FileNotFoundError):
                since = min(since, claim.lstat().st_ctime)
        return time.time() - since if claims else None


@functools.cache
def _folder(folder: str, settle_seconds: float, name: str) -> DropFolder:
    """What the triggerer has seen of a folder outlives its triggers: each drop ends one."""
    return DropFolder(Path(folder), name=name, settle_seconds=settle_seconds)


class CompleteFileSensor(FileSensor):
    """Airflow's `FileSensor`, deferred to `CompleteFileTrigger`: the task ends in the triggerer, without another worker."""

    def __init__(self, *, settle_seconds: float, source_name: str = "filesystem", **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)
        self.settle_seconds = settle_seconds
        self.source_name = source_name

    def execute(self, context: Any) -> None:
        """Defer until a file is complete; returns at once where one is announced."""
        folder = DropFolder(Path(self.filepath), name=self.source_name, settle_seconds=self.settle_seconds)
        if folder.poll() is not None:
            return
        trigger = CompleteFileTrigger(self.filepath, self.settle_seconds, self.poke_interval, self.source_name)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=_LIMIT)


class SourceTrigger(_Waiting):
    """Fires when a configured source of any kind says that something has changed.

    A source that can't be reached is asked again with growing pauses; after `PATIENCE_SECONDS` without an answer the task fails
    with the reason, so that it shows in the grid, and is retried as every other.
    """

    def __init__(self, source: dict[str, Any], poke_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.source = source
        self.poke_interval = poke_interval
        self._pause = 0.0
        self._silent_since: float | None = None

    @property
    def source_name(self) -> str:
        """The source's name in the configuration."""
        return str(self.source["name"])

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments from which the triggerer makes this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"source": self.source, "poke_interval": self.poke_interval},
        )

    def _look(self) -> list[str] | None:
        key = json.dumps(self.source, sort_keys=True)
        try:
            seen = _poll(*_watched(key))
        except InfrastructureError as error:
            since = self._silent_since = self._silent_since or time.monotonic()
            if time.monotonic() - since > PATIENCE_SECONDS:
                raise
            # What it knows of the source may be what fails: credentials that ran out, a server that moved.
            _known.pop(key, None)
            self._pause = max(self.poke_interval, min(_LONGEST_PAUSE, 2 * self._pause))
            self._problem = str(error)
            logger.warning("%s: asked again in %.0f s", error, self._pause)
            return None
        self._pause, self._silent_since, self._problem = 0.0, None, ""
        return seen

    def _interval(self) -> float:
        return self._pause or self.poke_interval


def _poll(source: Source, state: State) -> list[str] | None:
    from docgraph.state import awaited

    if not source.remembers:
        return source.poll({})
    return source.poll(awaited(state.cursors.versions(source.name), state.withheld.get(source.name)))


#: What the sources of this process have learnt, by configuration.
_known: dict[str, tuple[Source, State]] = {}


def _watched(source: str) -> tuple[Source, State]:
    """What a source has learnt outlives its triggers, and so does the connection to Redis."""
    from docgraph.airflow.connections import source_settings
    from docgraph.sources.registry import source_of
    from docgraph.state import State

    if source not in _known:
        wanted = SourceConfig.model_validate_json(source)
        settings = source_settings(wanted)
        config = IngestConfig.load(settings.config_file, settings.options)
        _known[source] = source_of(wanted, settings, config), State.connect(settings.redis_url)
    return _known[source]


class SourceSensor(BaseSensorOperator):
    """Waits in the triggerer until a source of any kind has something to take."""

    def __init__(self, *, source: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.deferrable = True

    def execute(self, context: Any) -> None:
        """Defer to `SourceTrigger`."""
        defer_to_source(self, self.source)


def defer_to_source(sensor: BaseSensorOperator, source: dict[str, Any]) -> None:
    """Let a sensor wait in the triggerer until a configured source has something to take; the task ends there."""
    trigger = SourceTrigger(source, sensor.poke_interval)
    sensor.defer(trigger=trigger, method_name="execute_complete", timeout=_LIMIT)
