"""The watch folder: files that are dropped there are claimed, given out, and put aside.

The first folder below the watch folder is the tag, else the default tag holds. `a.md.ready` says that `a.md` is complete;
without it a file is taken once it was seen to stand still (`Stillness`). Order: claim by rename → snapshot → enqueue → put
aside; what a crash left claimed is taken up again, which is harmless, because the same bytes make the same job.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import unicodedata
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from docgraph.domain.errors import DocumentError, DocumentTooLargeError
from docgraph.domain.identity import is_tag, uri_for_path
from docgraph.formats import content_type_of
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import Settings
from docgraph.sources.base import Change, Cursor, Location, Place
from docgraph.sources.files import UNKNOWN_CONTENT_TYPE, is_passing, path_below, printable
from docgraph.sources.options import Options, options_of
from docgraph.sources.stillness import Stillness
from docgraph.stores.blobs.local import explaining

logger = logging.getLogger(__name__)

READY_SUFFIX = ".ready"
SOURCE_PREFIX = "fs://ingest/watch/"
#: The name of the source where none is configured.
DEFAULT_NAME = "filesystem"
_NO_CURSOR: Cursor = {}
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file in the watch folder; `missing` where only its marker is there.

    `state` is another text as soon as the file is written to, moved away or replaced.
    """

    path: Path
    relative: str
    marker: Path | None
    state: str
    missing: bool = False

    @property
    def announced(self) -> bool:
        """Whether a marker says that the file is complete."""
        return self.marker is not None and not self.missing


def dropped_files(watch_root: Path) -> list[Dropped]:
    """Return the files that lie in the watch folder, complete or not, and markers that announce nothing."""
    found = dict(_visible_files(watch_root))
    dropped: list[Dropped] = []
    for path, state in found.items():
        relative = path.relative_to(watch_root).as_posix()
        if path.name.endswith(READY_SUFFIX):
            target = path.with_name(path.name.removesuffix(READY_SUFFIX))
            if target not in found:
                dropped.append(Dropped(target, relative.removesuffix(READY_SUFFIX), path, state, missing=True))
            continue
        marker = path.with_name(path.name + READY_SUFFIX)
        dropped.append(Dropped(path, relative, marker if marker in found else None, state))
    return dropped


def _visible_files(root: Path) -> Iterator[tuple[Path, str]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if is_passing(name):
                continue
            path = Path(folder) / name
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            yield path, "-".join(map(str, parts))


class DropFolder:
    """A folder into which files are dropped, and out of which they are taken for good.

    Claimed files lie in a folder beside it until their jobs stand, settled ones in another.
    """

    remembers = False

    def __init__(
        self,
        root: Path,
        *,
        name: str = DEFAULT_NAME,
        default_tag: str = "docs",
        settle_seconds: float = 2.0,
        max_bytes: int = 64 * 2**20,
    ) -> None:
        """Watch `root`; a file without a marker is complete when it stood still for `settle_seconds`."""
        self.name = name
        self.root = root
        own = name == DEFAULT_NAME
        self.prefix = SOURCE_PREFIX if own else f"fs://{name}/"
        # The names that 0.1.0 gave them; a second folder beside the first needs others.
        self.claimed_root = root.parent / ("claimed" if own else f"{name}-claimed")
        self.done_root = root.parent / ("done" if own else f"{name}-done")
        self._default_tag = default_tag
        self._settle_seconds = settle_seconds
        self._max_bytes = max_bytes
        self._stillness = Stillness(settle_seconds)

    def covers(self, uri: str) -> bool:
        """Tell whether the address is one of this folder's."""
        return bool(path_below(self.prefix, uri))

    def poll(self, cursor: Cursor = _NO_CURSOR) -> list[str] | None:
        """Look whether a file is complete; returns the states that stood still for long enough."""
        del cursor
        files = dropped_files(self.root)
        still = self._stillness.of(file.state for file in files)
        return still if still or any(file.announced for file in files) or self.left_claimed() else None

    def changes(self, cursor: Cursor = _NO_CURSOR, seen: Collection[str] = ()) -> Iterator[Change]:
        """Claim every complete file, and yield these and what a crash left claimed.

        Complete is what is announced, and what is still in one of the states `seen`.

        Raises:
            InfrastructureError: a file can't be moved; it is claimed by a later call.
        """
        del cursor
        for dropped in dropped_files(self.root):
            if dropped.announced or dropped.state in seen:
                with explaining("take", dropped.path):
                    _claim(dropped, self.claimed_root / uuid.uuid4().hex)
        for folder in self.left_claimed():
            claimed = sorted(path for path, _ in _visible_files(folder))
            yield from (self._change(path, path.relative_to(folder).as_posix()) for path in claimed)
            if not claimed:
                # The file went away before it was claimed, or a crash came between putting it aside and this.
                _remove_empty(folder)

    def settle(self, change: Change) -> None:
        """Put the claimed file aside.

        Raises:
            InfrastructureError: it can't be moved; it stays claimed, and the same job stands for it when it is taken up again.
        """
        claimed = Path(change.version)
        # Not its printable name: two names that differ in bytes that are no text are two files.
        target = self.done_root / Path(*claimed.relative_to(self.claimed_root).parts[1:])
        with explaining("put aside", claimed):
            if claimed.is_symlink() or claimed.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                claimed.replace(target)
        _remove_empty(self.claimed_root / claimed.relative_to(self.claimed_root).parts[0])

    def locate(self, uri: str) -> Location:
        """Return what lies in the folder, and beside it, under an address."""
        relative = path_below(self.prefix, uri)
        path = self.root / relative
        if not path.exists() and path.parent.is_dir():
            # A name may be composed differently on disk than in the address.
            named = (each for each in path.parent.iterdir() if unicodedata.normalize("NFC", each.name) == path.name)
            path = next(named, path)
        marker = path.with_name(path.name + READY_SUFFIX).exists()
        place, age = Place.ABSENT, 0.0
        if path.is_symlink() or path.exists():
            status = path.lstat()
            age = time.time() - max(status.st_mtime, status.st_ctime)
            if path not in {each.path for each in dropped_files(self.root)}:
                place = Place.IGNORED
            # A time that lies ahead tells of a clock that was put back, and nothing about the file.
            elif not marker and 0 <= age < self._settle_seconds:
                place = Place.SETTLING
            else:
                place = Place.WAITING
        elif marker:
            place = Place.ANNOUNCED_ONLY
        elif any((folder / relative).exists() for folder in self.left_claimed()):
            place = Place.CLAIMED
        elif (self.done_root / relative).exists():
            place = Place.SETTLED
        tag = tag_of(relative, self._default_tag)
        return Location(place, relative, tag, path, age, self._settle_seconds)

    def remove_settled(self, older_than_seconds: float) -> int:
        """Remove files that were put aside longer ago than this, and the folders that are empty then; returns how many files.

        Raises:
            InfrastructureError: one can't be removed.
        """
        removed = 0
        for above, _, names in os.walk(self.done_root):
            for path in (Path(above) / name for name in names):
                with explaining("remove", path):
                    # The time of its last change of name: when it was put aside.
                    if time.time() - path.lstat().st_ctime > older_than_seconds:
                        path.unlink(missing_ok=True)
                        removed += 1
        for folder in self.done_root.iterdir() if self.done_root.is_dir() else ():
            _remove_empty(folder)
        return removed

    def left_claimed(self) -> list[Path]:
        """Return the folders of files that were claimed but not yet put aside."""
        return sorted(self.claimed_root.iterdir()) if self.claimed_root.is_dir() else []

    def _change(self, path: Path, relative: str) -> Change:
        missing = path.name.endswith(READY_SUFFIX)
        name = printable(relative.removesuffix(READY_SUFFIX) if missing else relative)
        return Change(
            uri=uri_for_path(self.prefix, name),
            tag=tag_of(relative, self._default_tag),
            # Each claim has a folder of its own, so that the path tells one drop from the next of the same name.
            version=str(path),
            content_type=content_type_of(name) or UNKNOWN_CONTENT_TYPE,
            open=lambda: self._open(path, name, missing),
        )

    def _open(self, path: Path, name: str, missing: bool) -> Iterator[bytes]:
        _check_file(path, name, missing, self._max_bytes)
        with explaining("read", path), path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def make(wanted: SourceConfig, settings: Settings, config: IngestConfig) -> DropFolder:
    """Make the source of kind `filesystem` that the configuration describes."""
    root = settings.workspace / Path(wanted.where).expanduser() if wanted.where else settings.watch_root
    options_of(wanted, Options, settings.config_file)
    return DropFolder(
        root,
        name=wanted.name,
        default_tag=wanted.tag,
        settle_seconds=wanted.settle_seconds,
        max_bytes=config.limits.max_document_bytes,
    )


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those below it as far as they are empty; what is used again meanwhile stays."""
    for each, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(each).rmdir()


def _claim(dropped: Dropped, folder: Path) -> None:
    """Move one file out of the watch folder; from here on a writer's next file of that name is another drop."""
    target = folder / dropped.relative
    target.parent.mkdir(parents=True, exist_ok=True)
    if dropped.missing and dropped.marker:
        dropped.marker.rename(target.with_name(target.name + READY_SUFFIX))
        return
    try:
        dropped.path.rename(target)
    except FileNotFoundError:
        logger.info("%s went away before it was taken", dropped.relative)
    if dropped.marker:
        dropped.marker.unlink(missing_ok=True)


def _check_file(path: Path, name: str, missing: bool, limit: int) -> None:
    if missing:
        raise DocumentError(
            f"{name}{READY_SUFFIX} announces {name}, but that file isn't there; drop the file, then the marker."
        )
    if path.is_symlink() or not path.is_file():
        raise DocumentError(f"{name} is a link or no regular file; copy the file itself into the watch folder.")
    # Before anything is copied: what is refused anyway need not fill the snapshot store first.
    if (size := path.stat().st_size) > limit:
        raise DocumentTooLargeError.of(name, size, limit)


def tag_of(relative: str, default_tag: str) -> str:
    """Return the dataset of a dropped file: its first folder where that can be a tag, else the default."""
    first, separator, _ = relative.partition("/")
    if not separator:
        return default_tag
    lowered = first.lower()
    return lowered if is_tag(lowered) else default_tag
