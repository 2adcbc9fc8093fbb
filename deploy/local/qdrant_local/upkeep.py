"""What is done between requests: flush what was written, and rebuild a vector index that has fallen behind.

The engine builds an index under the interpreter lock, for half a minute at 50,000 points. So it is built in another
process on a copy of the shard's files, while this one goes on; what is written meanwhile is repeated on the copy
before it takes the shard's place. A crash at any moment leaves the old shard, complete, as the one that counts.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import time
from pathlib import Path

import qdrant_edge as edge

from qdrant_local import metrics
from qdrant_local.collection import Collection
from qdrant_local.store import Store

_LOG = logging.getLogger(__name__)

#: Seconds between two looks at the collections.
TICK = 0.5
#: A collection is flushed after this many seconds without a write, or after so many since the first unflushed one.
FLUSH_IDLE, FLUSH_LATEST = 1.0, 10.0
#: Below this many changed points a scan is as fast as an index (2 ms for 20,000 points of 384 dimensions).
REBUILD_MIN_CHANGES = 20_000
#: Above it, an index is rebuilt when this share of the collection has changed …
REBUILD_SHARE = 0.2
#: … and nobody has written for this many seconds, or the backlog is this many times the limit.
REBUILD_IDLE, REBUILD_BACKLOG = 3.0, 4
#: Seconds to leave a collection alone whose rebuild failed.
REBUILD_PAUSE = 600.0
#: Operations to repeat on the copy before other requests get their turn.
REPEAT_SLICE = 4


class Upkeep:
    """The background task of a server; `run` until it is cancelled."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pause_until: dict[Path, float] = {}

    async def run(self) -> None:
        """Look after the collections for ever; one rebuild at a time."""
        rebuild: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(TICK)
                for name, collection in self._store.items():
                    try:
                        if _flush_is_due(collection):
                            await collection.checkpoint()
                        if (rebuild is None or rebuild.done()) and self._rebuild_is_due(collection):
                            rebuild = asyncio.create_task(self._rebuild(name, collection))
                    except Exception:  # noqa: BLE001 - nothing is lost while the log holds it; the next tick tries again
                        _LOG.exception("upkeep of collection %s failed; is the disk full?", name)
        finally:
            if rebuild is not None:
                rebuild.cancel()
                await asyncio.gather(rebuild, return_exceptions=True)

    def _rebuild_is_due(self, collection: Collection) -> bool:
        if collection.removed:
            return False
        limit = max(REBUILD_MIN_CHANGES, REBUILD_SHARE * collection.points)
        idle = time.monotonic() - collection.last_write
        return (
            collection.unindexed_changes >= limit
            and (idle >= REBUILD_IDLE or collection.unindexed_changes >= REBUILD_BACKLOG * limit)
            and time.monotonic() >= self._pause_until.get(collection.folder, 0.0)
        )

    async def _rebuild(self, name: str, collection: Collection) -> None:
        started = time.monotonic()
        outcome = "failed"
        collection.rebuilding = True
        source, target = collection.folder, self._store.new_folder()
        with metrics.REBUILDS_RUNNING.track_inprogress():
            try:
                await rebuild(self._store, collection, target)
                outcome = "completed" if collection.folder == target else "cancelled"
                _LOG.info("rebuild of the vector index of %s: %s, %.1f s", name, outcome, time.monotonic() - started)
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            except Exception:  # noqa: BLE001 - an index is an optimisation; the server goes on without it
                self._pause_until[source] = time.monotonic() + REBUILD_PAUSE
                _LOG.exception("rebuilding the vector index of %s failed; searches go on without it", name)
            finally:
                collection.rebuilding = False
                metrics.REBUILDS.labels(outcome).inc()
                collection.drop_journal()
                shutil.rmtree(source if collection.folder == target else target, ignore_errors=True)


def _flush_is_due(collection: Collection) -> bool:
    if collection.dirty_since is None:
        return False
    now = time.monotonic()
    return now - collection.last_write >= FLUSH_IDLE or now - collection.dirty_since >= FLUSH_LATEST


async def rebuild(store: Store, collection: Collection, target: Path) -> None:
    """Build the vector index on a copy in `target` and let the collection go on there; its old folder stays behind.

    If the collection is deleted meanwhile, nothing changes.

    Raises:
        RuntimeError: the copy or the build failed; the collection is unchanged.
    """
    async with collection.writing:
        await collection.checkpoint()
        await _run("cp", "--archive", "--sparse=auto", "--reflink=auto", str(collection.folder), str(target))
        collection.start_journal()
    await _run(sys.executable, str(Path(__file__).with_name("optimizer.py")), str(target))
    shard = edge.EdgeShard.load(str(target))
    await _repeat_writes(collection, shard)
    async with collection.writing:
        # Writers wait now, so this ends; readers still have the old shard.
        await _repeat_writes(collection, shard)
        async with collection.log.files:
            shard.flush()
            if store.move(collection, target):
                collection.replace_shard(target, shard).close()
            else:
                shard.close()


async def _repeat_writes(collection: Collection, shard: edge.EdgeShard) -> None:
    for _ in range(0, collection.journal_length, REPEAT_SLICE):
        collection.repeat_on(shard, at_most=REPEAT_SLICE)
        await asyncio.sleep(0)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {errors.decode(errors='replace').strip()}")
