"""Waiting without a worker: the trigger that sees when a dropped file is complete, and the sensor that waits on it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from docgraph.sources.filesystem import Stillness, dropped_files, is_announced


class CompleteFileTrigger(BaseTrigger):
    """Fires when a file below the folder is announced by its marker, or has stood still long enough.

    Unlike Airflow's `FileTrigger` it is not set off by hidden files or files that are still being written.
    """

    def __init__(self, folder: str, settle_seconds: float, poke_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.settle_seconds = settle_seconds
        self.poke_interval = poke_interval
        self._still: list[str] = []

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments from which the triggerer makes this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"folder": self.folder, "settle_seconds": self.settle_seconds, "poke_interval": self.poke_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the folder and end the waiting task as soon as a file may be taken; it returns the states that stand still."""
        while not await asyncio.to_thread(self._is_due):
            await asyncio.sleep(self.poke_interval)
        yield TaskSuccessEvent(xcoms={"return_value": [*self._still]})

    def _is_due(self) -> bool:
        folder = Path(self.folder)
        files = dropped_files(folder)
        self._still = [file.state for file in _stillness(self.folder, self.settle_seconds).of(files)]
        return bool(self._still) or is_announced(folder, files)


@functools.cache
def _stillness(folder: str, settle_seconds: float) -> Stillness:
    """What the triggerer has seen of a folder outlives its triggers: each drop ends one."""
    return Stillness(settle_seconds)


class CompleteFileSensor(FileSensor):
    """Airflow's `FileSensor`, deferred to `CompleteFileTrigger`: the task ends in the triggerer, without another worker."""

    def __init__(self, *, settle_seconds: float, **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)
        self.settle_seconds = settle_seconds

    def execute(self, context: Any) -> None:
        """Defer until a file is complete; returns at once where one is announced."""
        folder = Path(self.filepath)
        if is_announced(folder, dropped_files(folder)):
            return
        trigger = CompleteFileTrigger(self.filepath, self.settle_seconds, self.poke_interval)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))
