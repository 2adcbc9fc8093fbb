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
from pathlib import Path

from docgraph.domain.errors import DocumentError, DocumentTooLargeError, InfrastructureError
from docgraph.domain.identity import is_tag, uri_for_path
from docgraph.formats import content_type_of
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import Settings
from docgraph.sources.base import Change, Cursor, Location, Place
from docgraph.sources.dropped import (
    READY_SUFFIX,
    Dropped,
    Obstacles,
    Stuck,
    dropped_files,
    is_utf8,
    namesakes,
    stuck,
    visible_files,
)
from docgraph.sources.files import UNKNOWN_CONTENT_TYPE, path_below, printable
from docgraph.sources.options import Options, options_of
from docgraph.sources.stillness import Stillness
from docgraph.stores.blobs.local import explaining

logger = logging.getLogger(__name__)

SOURCE_PREFIX = "fs://ingest/watch/"
#: The name of the source where none is configured.
DEFAULT_NAME = "filesystem"
_NO_CURSOR: Cursor = {}
_CHUNK_BYTES = 2**20
#: Ends the name of the folder of a claimed file that is refused because another has its address.
_NAMESAKE = "-namesake"
#: Folders of settled files beside the first, for names that are folders there, or below what are files there.
_MORE_ROOTS = 100


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
        obstacles = Obstacles(self.claimed_root)
        # What can't be moved would be reported again and again, and each time a task would find that.
        files = [file for file in dropped_files(self.root) if not obstacles.of(file)]
        still = self._stillness.of(file.state for file in files)
        return still if still or any(file.announced for file in files) or self.left_claimed() else None

    def changes(self, cursor: Cursor = _NO_CURSOR, seen: Collection[str] = ()) -> Iterator[Change]:
        """Claim every complete file, and yield these and what a crash left claimed.

        Complete is what is announced, and what is still in one of the states `seen`. A file that can't be moved stays where it is
        (`stuck` says why), and the others are claimed. Of files that share an address one is claimed, and the others are refused.

        Raises:
            InfrastructureError: no file can be claimed at all.
        """
        del cursor
        present = dropped_files(self.root)
        sharing = namesakes(present, self._address)
        obstacles = Obstacles(self.claimed_root)
        refused: set[Path] = set()
        failed: list[InfrastructureError] = []
        for dropped in present:
            if dropped.path in refused or not (dropped.announced or dropped.state in seen):
                continue
            keeper, *others = sharing.get(dropped.path, (dropped,))
            if dropped is keeper:
                suffix = _NAMESAKE if self._has_settled_namesake(dropped) else ""
                self._claim(dropped, obstacles, suffix, failed)
            for other in (each for each in others if each.path not in refused):
                # Complete or not: taken later, it would replace the text of the one that keeps the address.
                refused.add(other.path)
                self._claim(other, obstacles, _NAMESAKE, failed)
        folders = self.left_claimed()
        if failed and not folders:
            raise failed[0]
        for folder in folders:
            claimed = sorted(path for path, _ in visible_files(folder))
            namesake = folder.name.endswith(_NAMESAKE)
            yield from (self._change(path, path.relative_to(folder).as_posix(), namesake) for path in claimed)
            if not claimed:
                # The file went away before it was claimed, or a crash came between putting it aside and this.
                _remove_empty(folder)

    def settle(self, change: Change) -> None:
        """Put the claimed file aside, under its name, or where that is taken by a folder or lies below a file, in a folder `~2`, `~3`.

        Raises:
            InfrastructureError: it can't be moved; it stays claimed, and the same job stands for it when it is taken up again.
        """
        claimed = Path(change.version)
        # Not its printable name: two names that differ in bytes that are no text are two files.
        relative = Path(*claimed.relative_to(self.claimed_root).parts[1:])
        with explaining("put aside", claimed):
            if os.path.lexists(claimed):
                self._put_aside(claimed, relative)
        _remove_empty(self.claimed_root / claimed.relative_to(self.claimed_root).parts[0])

    def locate(self, uri: str) -> Location:
        """Return what lies in the folder, and beside it, under an address."""
        relative = path_below(self.prefix, uri)
        path = self.root / relative
        # os.path, not Path: a name that is too long for a file is one that is not there.
        if not os.path.lexists(path) and os.access(path.parent, os.R_OK | os.X_OK):
            # A name may be composed differently on disk than in the address.
            named = (each for each in path.parent.iterdir() if unicodedata.normalize("NFC", each.name) == path.name)
            path = next(named, path)
        marker = os.path.lexists(f"{path}{READY_SUFFIX}")
        place, age = Place.ABSENT, 0.0
        if os.path.lexists(path):
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
        elif any(os.path.lexists(folder / relative) for folder in self.left_claimed()):
            place = Place.CLAIMED
        elif any(os.path.lexists(done / relative) for done in self._done_roots() if done.is_dir()):
            place = Place.SETTLED
        tag = tag_of(relative, self._default_tag)
        return Location(place, relative, tag, path, age, self._settle_seconds)

    def remove_settled(self, older_than_seconds: float) -> int:
        """Remove files that were put aside longer ago than this, and the folders that are empty then; returns how many files.

        One that can't be removed is said in the log, and the others go.
        """
        removed = 0
        for above, folders, names in os.walk(self.done_root):
            links = [name for name in folders if os.path.islink(os.path.join(above, name))]
            for path in (Path(above) / name for name in (*names, *links)):
                try:
                    with explaining("remove", path):
                        # The time of its last change of name: when it was put aside.
                        if time.time() - path.lstat().st_ctime > older_than_seconds:
                            path.unlink(missing_ok=True)
                            removed += 1
                except InfrastructureError as error:
                    logger.warning("%s", error)
        for folder in self.done_root.iterdir() if self.done_root.is_dir() else ():
            _remove_empty(folder)
        return removed

    def left_claimed(self) -> list[Path]:
        """Return the folders of files that were claimed but not yet put aside."""
        if not self.claimed_root.is_dir():
            return []
        return sorted(each for each in self.claimed_root.iterdir() if each.is_dir() and not each.is_symlink())

    def stuck(self) -> list[Stuck]:
        """Return what lies in the folder and can't be taken out of it, with the reason."""
        return stuck(self.root, self.claimed_root)

    def _claim(self, dropped: Dropped, obstacles: Obstacles, suffix: str, failed: list[InfrastructureError]) -> None:
        """Move one file out of the watch folder, or say why that can't be done, so that the others are taken."""
        if reason := obstacles.of(dropped):
            logger.warning("%s can't be taken and stays where it is: %s.", printable(dropped.relative), reason)
            return
        try:
            with explaining("take", dropped.path):
                _claim(dropped, self.claimed_root / (uuid.uuid4().hex + suffix))
        except InfrastructureError as error:
            logger.warning("%s", error)
            failed.append(error)

    def _put_aside(self, claimed: Path, relative: Path) -> None:
        for root in self._done_roots():
            try:
                (root / relative).parent.mkdir(parents=True, exist_ok=True)
                claimed.replace(root / relative)
            except (FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
                in_the_way = error
            else:
                return
        raise in_the_way

    def _done_roots(self) -> Iterator[Path]:
        yield self.done_root
        yield from (self.done_root / f"~{number}" for number in range(2, _MORE_ROOTS))

    def _has_settled_namesake(self, dropped: Dropped) -> bool:
        """Tell whether a file was settled whose name differs from this one's only in bytes that are no UTF-8: two documents."""
        if dropped.missing or is_utf8(dropped.relative):
            return False
        address, own = self._address(dropped.relative), self.done_root / dropped.relative
        settled = (path for path, _ in visible_files(self.done_root) if path != own)
        return any(self._address(path.relative_to(self.done_root).as_posix()) == address for path in settled)

    def _address(self, relative: str) -> str:
        return uri_for_path(self.prefix, printable(relative))

    def _change(self, path: Path, relative: str, namesake: bool) -> Change:
        missing = path.name.endswith(READY_SUFFIX)
        name = printable(relative.removesuffix(READY_SUFFIX) if missing else relative)
        return Change(
            uri=uri_for_path(self.prefix, name),
            tag=tag_of(relative, self._default_tag),
            # Each claim has a folder of its own, so that the path tells one drop from the next of the same name.
            version=str(path),
            content_type=content_type_of(name) or UNKNOWN_CONTENT_TYPE,
            open=lambda: self._open(path, name, missing, namesake),
        )

    def _open(self, path: Path, name: str, missing: bool, namesake: bool) -> Iterator[bytes]:
        if namesake:
            raise DocumentError(
                f"{name} has the address of another file: their names differ only in how characters are composed, or in bytes that "
                f"are no UTF-8. Rename this one (it lies in {self.done_root}) and drop it again."
            )
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
