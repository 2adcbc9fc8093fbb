"""All collections and aliases of one data folder, and the file that names them.

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
    aliases: dict[str, str] = {}


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
        """Return the collection of this name or alias.

        Raises:
            NotFoundError: there is none.
        """
        found = self._collections.get(self._catalog.aliases.get(name, name))
        if found is None:
            raise NotFoundError(f"Collection `{name}` doesn't exist!")
        return found

    def exists(self, name: str) -> bool:
        """Tell whether a collection has this name or alias."""
        return self._catalog.aliases.get(name, name) in self._collections

    def names(self) -> list[str]:
        """Return the collections' names, sorted."""
        return sorted(self._collections)

    def items(self) -> Iterator[tuple[str, Collection]]:
        """Yield name and collection, of those that exist now."""
        yield from list(self._collections.items())

    def create(self, name: str, settings: schema.CreateCollection) -> None:
        """Create an empty collection.

        Raises:
            AlreadyExistsError: the name is a collection's or an alias.
            BadInputError: the name or the settings can't be used.
        """
        if name in self._collections or name in self._catalog.aliases:
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
        """Remove a collection, its aliases and its files; return whether there was one."""
        collection = self._collections.pop(name, None)
        if collection is None:
            return False
        del self._catalog.collections[name]
        self._catalog.aliases = {alias: target for alias, target in self._catalog.aliases.items() if target != name}
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

    # Aliases

    def aliases(self, of: str | None = None) -> list[dict[str, str]]:
        """Return the aliases, of one collection or all."""
        return [
            {"alias_name": alias, "collection_name": target}
            for alias, target in sorted(self._catalog.aliases.items())
            if of is None or target == of
        ]

    def change_aliases(self, body: schema.ChangeAliases) -> None:
        """Carry out all actions or none; readers see the aliases before or after, nothing between.

        Raises:
            NotFoundError: a collection or alias that an action names does not exist.
            AlreadyExistsError: an alias would hide a collection.
            BadInputError: an action is none or several at once.
        """
        aliases = dict(self._catalog.aliases)
        for action in body.actions:
            given = [name for name in action.__struct_fields__ if getattr(action, name) is not None]
            if len(given) != 1:
                raise BadInputError(f"an alias action is exactly one of {', '.join(action.__struct_fields__)}")
            if action.create_alias is not None:
                if action.create_alias.collection_name not in self._collections:
                    raise NotFoundError(f"Collection `{action.create_alias.collection_name}` doesn't exist!")
                self._check_alias(action.create_alias.alias_name)
                aliases[action.create_alias.alias_name] = action.create_alias.collection_name
            elif action.rename_alias is not None:
                if action.rename_alias.old_alias_name not in aliases:
                    raise NotFoundError(f"Alias {action.rename_alias.old_alias_name} does not exists!")
                self._check_alias(action.rename_alias.new_alias_name)
                aliases[action.rename_alias.new_alias_name] = aliases.pop(action.rename_alias.old_alias_name)
            elif action.delete_alias is not None:
                aliases.pop(action.delete_alias.alias_name, None)
        self._save(Catalog(collections=self._catalog.collections, aliases=aliases))
        self._catalog.aliases = aliases

    def _check_alias(self, alias: str) -> None:
        if alias in self._collections:
            raise AlreadyExistsError(f"Collection `{alias}` already exists!")

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
