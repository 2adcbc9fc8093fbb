"""Make a collection's write-ahead log durable, several writers by one system call.

The engine writes its log through a memory map and leaves it to the kernel. Such a log survives the death of the
process; that it also survives the machine's needs `fsync`, which runs in a thread without the interpreter lock.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from qdrant_local import metrics


class WriteAheadLog:
    """The log of one collection; `written` after each operation, then `durable` before it is acknowledged."""

    def __init__(self, shard_folder: Path) -> None:
        self._folder = shard_folder / "wal"
        self._written = 0
        self._durable = 0
        #: Held while the files of the log are synced; take it before anything that replaces or removes them.
        self.files = asyncio.Lock()

    def written(self) -> None:
        """Note that the engine has logged an operation."""
        self._written += 1

    async def durable(self) -> None:
        """Wait until everything that was logged before this call is on the disk.

        Writers that wait for the running sync share the next one (group commit).
        """
        mine = self._written
        async with self.files:
            if self._durable >= mine:
                return
            covered = self._written
            started = time.perf_counter()
            await asyncio.to_thread(_sync_folder, self._folder)
            metrics.WAL_SYNC_SECONDS.observe(time.perf_counter() - started)
            self._durable = covered

    def move(self, shard_folder: Path) -> None:
        """Go on with the flushed shard of another folder; `files` must be held."""
        self._folder = shard_folder / "wal"
        self._durable = self._written


def _sync_folder(folder: Path) -> None:
    while True:
        try:
            for entry in os.scandir(folder):
                _sync(entry.path)
        except FileNotFoundError:
            # The engine closed a segment of the log (a rename) meanwhile: its new name has to be synced too.
            continue
        _sync(folder)
        return


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
