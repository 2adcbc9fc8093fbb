"""All collections of one data folder, and the file that names them.

`catalog.json` is replaced as a whole (written aside, synced, renamed): a name appears, moves or goes at one moment.
Folders that it does not name are left-overs of an interrupted change and are removed at the start.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import qdrant_edge as edge

from qdrant_local import schema
from qdrant_local.collection import Collection, create_shard
from qdrant_local.errors import AlreadyExistsError, BadInputError, DataFolderError, NotFoundError

_FORBIDDEN = frozenset('<>:"/\\|?*\0\x1f')


class CollectionEntry(msgspec.Struct):
    """Where a collection's shard lies, and what it was created with."""

    folder: str
    settings: schema.CreateCollection


class Catalog(msgspec.Struct):
    """The content of `catalog.json`."""

    collections: dict[str, CollectionEntry] = {}


class Store:
    """The owner of a data folder; `Store.open` loads it, `close` flushes it."""

    def __init__(self, root: Path, lock: int, catalog: Catalog, collections: dict[str, Collection]) -> None:
        self._root = root
        self._lock = lock
        self._catalog = catalog
        self._collections = collections

    @classmethod
    def open(cls, root: Path) -> Store:
        """Take the data folder and load every collection in it; what a crash left in the logs is replayed.

        Raises:
            DataFolderError: another process owns the folder, or a collection can't be loaded.
        """
        root.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(root)
        path = root / "catalog.json"
        catalog = msgspec.json.decode(path.read_bytes(), type=Catalog) if path.exists() else Catalog()
        (root / "collections").mkdir(exist_ok=True)
        known = {entry.folder for entry in catalog.collections.values()}
        for folder in (root / "collections").iterdir():
            if folder.name not in known:
                shutil.rmtree(folder)
        collections = {}
        for name, entry in catalog.collections.items():
            folder = root / "collections" / entry.folder
            try:
                shard = edge.EdgeShard.load(str(folder))
            except Exception as error:
                raise DataFolderError(
                    f"The collection {name} can't be loaded from {folder}: {error}. "
                    "Restore that folder; or remove the data folder and ingest again."
                ) from error
            collections[name] = Collection(folder, entry.settings, shard)
        return cls(root, lock, catalog, collections)

    # Collections

    def collection(self, name: str) -> Collection:
        """Return the collection of this name.

        Raises:
            NotFoundError: there is none.
        """
        found = self._collections.get(name)
        if found is None:
            raise NotFoundError(f"Collection `{name}` doesn't exist!")
        return found

    def exists(self, name: str) -> bool:
        """Tell whether a collection has this name."""
        return name in self._collections

    def names(self) -> list[str]:
        """Return the collections' names, sorted."""
        return sorted(self._collections)

    def items(self) -> Iterator[tuple[str, Collection]]:
        """Yield name and collection, of those that exist now."""
        yield from list(self._collections.items())

    def create(self, name: str, settings: schema.CreateCollection) -> None:
        """Create an empty collection.

        Raises:
            AlreadyExistsError: the name is a collection's.
            BadInputError: the name or the settings can't be used.
        """
        if name in self._collections:
            raise AlreadyExistsError(f"Collection `{name}` already exists!")
        if not 1 <= len(name) <= 255 or _FORBIDDEN & set(name):
            raise BadInputError(f"collection name `{name}` must have 1 to 255 characters, none of {_FORBIDDEN}")
        folder = self.new_folder()
        try:
            shard = create_shard(folder, settings)
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shard.flush()
        self._collections[name] = Collection(folder, settings, shard)
        self._catalog.collections[name] = CollectionEntry(folder=folder.name, settings=settings)
        self._save(self._catalog)

    def delete(self, name: str) -> bool:
        """Remove a collection and its files; return whether there was one."""
        collection = self._collections.pop(name, None)
        if collection is None:
            return False
        del self._catalog.collections[name]
        self._save(self._catalog)
        collection.remove()
        return True

    def new_folder(self) -> Path:
        """Return the path of a shard folder that nobody uses; it is not created."""
        return self._root / "collections" / uuid.uuid4().hex

    def move(self, collection: Collection, folder: Path) -> bool:
        """Record that the collection lives in another folder from now on; False if it was deleted meanwhile."""
        for name, known in self._collections.items():
            if known is collection:
                self._catalog.collections[name].folder = folder.name
                self._save(self._catalog)
                return True
        return False

    # The folder

    def _save(self, catalog: Catalog) -> None:
        aside = self._root / "catalog.json.new"
        with aside.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(catalog)))
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self._root / "catalog.json")
        folder = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Flush every collection and release the folder."""
        for collection in self._collections.values():
            collection.close()
        os.close(self._lock)


def _take_lock(root: Path) -> int:
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(descriptor, 32).decode() or "unknown"
        os.close(descriptor)
        raise DataFolderError(
            f"The data folder {root} belongs to a running process (pid {owner}); stop that one or choose another folder."
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
